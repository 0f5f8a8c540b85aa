"""Bounds of numbers. `at_least` and `at_most` have a tolerance of 1e-9 of the bound, in favour of true: exactly 25% is 25%."""

import math
import re
from typing import Annotated, Any, NamedTuple, Self, cast

from pydantic import BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import number, percent
from services.rules.core.fields import Form
from services.rules.core.metrics.values import number_of
from services.rules.core.traits import trait_path
from shared.matchers import reach
from shared.records import JsonObject

_TOLERANCE = 1e-9
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)% of (\S+)")


def at_least(number: float, bound: float) -> bool:
    """Whether the number reaches the bound."""
    return number >= lowest(bound)


def lowest(bound: float) -> float:
    """The lowest number that is at least the bound."""
    return bound - abs(bound) * _TOLERANCE


def at_most(number: float, bound: float) -> bool:
    """Whether the number stays within the bound."""
    return number <= bound + abs(bound) * _TOLERANCE


def fewest(bound: float) -> int:
    """The smallest whole number that is at least the bound."""
    return math.ceil(bound - abs(bound) * _TOLERANCE)


def most(bound: float) -> int:
    """The largest whole number that is at most the bound."""
    return math.floor(bound + abs(bound) * _TOLERANCE)


class ShareOf(NamedTuple):
    """`50% of account.seats`: 0.5 and the path."""

    share: float
    path: str


def _bound(found: Any) -> Any:
    if isinstance(found, ShareOf) or number_of(found) is not None:
        return found
    matched = _SHARE.fullmatch(found) if isinstance(found, str) else None
    if matched is None:
        raise PydanticCustomError("bound", "Input should be a number, or a share of a trait such as 50% of account.seats")
    return ShareOf(float(f"{matched[1]}e-2"), trait_path(matched[2]))


Bound = Annotated[
    Any,
    BeforeValidator(_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[0-9.]+% of (account|user)\..+$"}]}),
]


class Bounded(Form):
    """A form with exactly one of `at_least` and `at_most`: a number, or a share of a trait."""

    at_least: Bound | None = None
    at_most: Bound | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise PydanticCustomError("one_bound", "needs exactly one of at_least and at_most")
        return self

    @property
    def bound(self) -> int | float | ShareOf:
        """The one that is given."""
        return cast("int | float | ShareOf", self.at_most if self.at_least is None else self.at_least)

    @property
    def bound_paths(self) -> frozenset[str]:
        """The trait that the bound is a share of, if it is."""
        return frozenset({self.bound.path}) if isinstance(self.bound, ShareOf) else frozenset()

    def bound_in(self, context: dict[str, JsonObject]) -> float | None:
        """The bound as a number; None where it is a share of something that is missing or no number."""
        if not isinstance(self.bound, ShareOf):
            return self.bound
        whole = number_of(reach(self.bound.path)(context))
        return None if whole is None else whole * self.bound.share

    def bound_says(self, context: dict[str, JsonObject]) -> Said:
        """The bound in words: `at least 3`, `at least 10 (50% of account.seats)`; with the field that it lacks, if it does."""
        word, bound = "at least" if self.at_most is None else "at most", self.bound_in(context)
        if not isinstance(self.bound, ShareOf):
            return Said(f"{word} {number(self.bound)}")
        share = f"{percent(self.bound.share)} of {self.bound.path}"
        if bound is None:
            return Said(f"{word} {share}, which is missing or no number,", (self.bound.path,))
        return Said(f"{word} {number(bound)} ({share})")

    def holds(self, number: float, bound: float) -> bool:
        """Whether the number is inside the bound."""
        return at_most(number, bound) if self.at_least is None else at_least(number, bound)
