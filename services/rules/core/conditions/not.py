"""True when its condition is false, false when it is true, unknown when it is unknown.

    when:
      not: {count: {of: report.exported, over: 7d, at_least: 3}}

Only of a level: an event has no opposite.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import ConfigDict, RootModel, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, ConditionField, ConditionForm, Leaf, Setting, Verdict


class Not(RootModel[ConditionField]):
    """One condition."""

    model_config = ConfigDict(frozen=True)
    impulse: ClassVar[bool] = False

    @model_validator(mode="after")
    def _of_a_level(self) -> Self:
        if self.root.impulse:
            raise PydanticCustomError("not_impulse", "not takes a level; an event has no opposite: use silence")
        return self

    @property
    def parts(self) -> list[ConditionForm]:
        """The one condition."""
        return [self.root]

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """Kleene's negation."""
        part = self.root.grow(setting, leaves)

        def combine(verdicts: Sequence[Verdict]) -> Verdict:
            verdict = part(verdicts)
            return None if verdict is None else not verdict

        return combine
