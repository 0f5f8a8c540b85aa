"""True at the instant at which a trait changes, or a number crosses a bound.

    when:
      change: {of: account.plan, from: pro, to: [free, starter]}

`{of: account.score, crosses: {below: 40}}` is true when the number was not below 40 and now is. A trait's first value is no
change; a trait that is taken away is unknown, and what was known before it counts when it comes back.
"""

from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said
from services.rules.core.fields import Form
from services.rules.core.traits import trait_path
from shared.instants import Instant
from shared.matchers import asked, compile_matchers, reach, show
from shared.records import JsonObject

Values = str | int | float | bool | list[str | int | float | bool]


class Crossing(Form):
    """Exactly one bound."""

    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise PydanticCustomError("crosses", "crosses needs exactly one of above, below, at_least and at_most")
        return self


class Change(Form):
    """The trait, and what it changes from and to, or the bound that it crosses."""

    impulse: ClassVar[bool] = True
    of: str
    from_: Values | None = Field(default=None, alias="from")
    to: Values | None = None
    crosses: Crossing | None = None

    _path = field_validator("of")(trait_path)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.crosses is not None and (self.from_ is not None or self.to is not None):
            raise PydanticCustomError("change", "change takes from and to, or crosses, not both")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(ChangeLeaf(self, setting), leaves)


class ChangeLeaf(Leaf):
    """Own memory: `[value before, value now]`, of known values only."""

    impulse = True
    beside_events = True
    remembers = True
    knows_before = True

    def __init__(self, form: Change, setting: Setting) -> None:
        self.form = form
        self.paths = frozenset({form.of})
        given = form.model_dump(by_alias=True, exclude_none=True, exclude={"of"})
        self._asked = "a change" + (f" {asked(given)}" if given else "")
        self._found = reach(form.of)
        crosses = None if form.crosses is None else form.crosses.model_dump(exclude_none=True)
        self._crossed, self._from, self._to = (
            None if test is None else compile_matchers({"account.value": test}, setting.timezone)
            for test in (crosses, form.from_, form.to)
        )

    def decided(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Any:
        """The last known value moves back one place."""
        found = self._found(view.context)
        before = own[1] if own is not None else found
        return [before, before if found is None else found]

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Whether what is known now differs from what was known before, as the form asks."""
        before, after = own
        if before is None or _same(before, after):
            return False
        if self._crossed is not None:
            return _is(self._crossed, before, now) is False and _is(self._crossed, after, now) is True
        fits = [_is(test, value, now) for test, value in ((self._from, before), (self._to, after)) if test is not None]
        return all(fit is True for fit in fits)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`before` and `after`."""
        return {} if own is None else {"before": own[0], "after": own[1]}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """What it was and what it is; a trait that is not there says nothing."""
        before, after = (None, None) if own is None else own
        if after is None or self._found(view.context) is None:
            return Said(f"{self.form.of} is missing: {self._asked} is asked for", (self.form.of,))
        if _same(before, after):
            return Said(f"{self.form.of} is {show(after)}, and does not change at this instant; {self._asked} is asked for")
        return Said(f"{self.form.of} was {show(before)} and is {show(after)}; {self._asked} is asked for")


def _same(one: Any, other: Any) -> bool:
    """Whether a value is what it was: 1 is 1.0, but not `true`."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is(test: Any, value: Any, now: Instant) -> Verdict:
    verdict: Verdict = test.verdict({"account": {"value": value}}, now)
    return verdict
