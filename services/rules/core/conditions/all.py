"""True when all of its conditions are; false as soon as one is; else unknown (Kleene).

    when:
      all:
        - date: {of: account.renewal_date, before: 90d}
        - silence: {of: user.login, for: 30d}

Of levels and impulses together it is true at the impulse's instant when the levels are true then.
"""

from pydantic import ConfigDict, Field, RootModel

from services.rules.core.condition import Combine, ConditionField, ConditionForm, Leaf, Setting, kleene


class All(RootModel[list[ConditionField]]):
    """The conditions, in the order of the file."""

    model_config = ConfigDict(frozen=True)
    root: list[ConditionField] = Field(min_length=1)

    @property
    def impulse(self) -> bool:
        """An impulse among them makes the whole an impulse."""
        return any(condition.impulse for condition in self.root)

    @property
    def parts(self) -> list[ConditionForm]:
        """The conditions."""
        return self.root

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """Kleene's conjunction."""
        return kleene([condition.grow(setting, leaves) for condition in self.root], decisive=False)
