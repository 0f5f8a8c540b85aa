"""How many examples hypothesis tries: a few that never change, or all that it finds while somebody hunts."""

from hypothesis import Phase, settings


def examples(number: int) -> settings:
    """The same ones in every run, unless somebody hunts for others."""
    if settings.get_current_profile_name() == "hunt":
        return settings()
    # Shrinking takes minutes: that is for the hunt.
    return settings(settings.get_profile("hunt"), max_examples=number, derandomize=True, phases=[Phase.explicit, Phase.generate])
