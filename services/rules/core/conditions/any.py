"""True as soon as one of its conditions is; false when all are; else unknown (Kleene).

    when:
      any:
        - event: {of: nps.answered, where: {properties.score: {at_most: 6}}}
        - event: {of: csat.answered, where: {properties.score: {at_most: 2}}}

It takes only levels, or only impulses.
"""

from typing import Self

from pydantic import ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, ConditionField, ConditionForm, Leaf, Setting, kleene


class Any(RootModel[list[ConditionField]]):
    """The conditions, in the order of the file."""

    model_config = ConfigDict(frozen=True)
    root: list[ConditionField] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_one_sort(self) -> Self:
        if len({condition.impulse for condition in self.root}) > 1:
            raise PydanticCustomError("any_mixed", "any takes only levels or only impulses, not both: write a play for each")
        return self

    @property
    def impulse(self) -> bool:
        """What its conditions are."""
        return any(condition.impulse for condition in self.root)

    @property
    def parts(self) -> list[ConditionForm]:
        """The conditions."""
        return self.root

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """Kleene's disjunction."""
        return kleene([condition.grow(setting, leaves) for condition in self.root], decisive=True)
