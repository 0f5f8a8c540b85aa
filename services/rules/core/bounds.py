"""Bounds of numbers. `at_least` and `at_most` have a tolerance of 1e-9 of the bound, in favour of true: exactly 25% is 25%."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.fields import Form

_TOLERANCE = 1e-9


def at_least(number: float, bound: float) -> bool:
    """Whether the number reaches the bound."""
    return number >= bound - abs(bound) * _TOLERANCE


def at_most(number: float, bound: float) -> bool:
    """Whether the number stays within the bound."""
    return number <= bound + abs(bound) * _TOLERANCE


class Bounded(Form):
    """A form with exactly one of `at_least` and `at_most`."""

    at_least: int | float | None = None
    at_most: int | float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise PydanticCustomError("one_bound", "needs exactly one of at_least and at_most")
        return self

    def holds(self, number: float) -> bool:
        """Whether the number is inside the bound."""
        if self.at_least is not None:
            return at_least(number, self.at_least)
        return at_most(number, self.at_most or 0)
