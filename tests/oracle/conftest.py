"""`pytest tests/oracle --hypothesis-profile=hunt --timeout=0` looks for new examples instead of the usual ones."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile("hunt", max_examples=20_000, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def examples(number):
    """The same ones in every run, unless somebody hunts for others."""
    if settings.get_current_profile_name() == "hunt":
        return settings()
    # Shrinking takes minutes: that is for the hunt.
    return settings(settings.get_profile("hunt"), max_examples=number, derandomize=True, phases=[Phase.explicit, Phase.generate])
