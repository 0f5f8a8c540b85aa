"""True from a duration before a date until the date passes; with `after`, from a duration after it on.

    when:
      date: {of: account.renewal_date, before: 90d}

A date without a time is its first instant in the play's time zone. No such trait, or not a date: unknown.
"""

from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import moment, span
from services.rules.core.fields import Duration, Form
from services.rules.core.traits import TraitDate, trait_path
from shared.instants import DAY, Instant, show_instant
from shared.records import JsonObject


class Date(Form):
    """The trait, and exactly one of `before` and `after`."""

    impulse: ClassVar[bool] = False
    of: str
    before: Duration | None = None
    after: Duration | None = None

    _path = field_validator("of")(trait_path)

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise PydanticCustomError("date_side", "date needs exactly one of before and after")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(DateLeaf(self, setting), leaves)


class DateLeaf(Leaf):
    """Remembers nothing: the date is a trait."""

    def __init__(self, form: Date, setting: Setting) -> None:
        self._date = TraitDate(form.of, setting.timezone)
        self.paths = frozenset({form.of})
        self._before, self._after = form.before, form.after

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Strict at both ends, as all comparisons with time."""
        date = self._date.read(view.context)
        if date is None:
            return None
        if self._after is not None:
            return now > date + self._after
        return date - (self._before or 0) < now <= date

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """Its beginning, then its end."""
        date = self._date.read(view.context)
        if date is None:
            return None
        edges = [date + self._after] if self._after is not None else [date - (self._before or 0), date]
        return next((edge for edge in edges if now <= edge), None)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`date` and `days_left` (negative after it), in days of 24 hours."""
        date = self._date.read(view.context)
        if date is None:
            return {}
        return {"date": show_instant(date), "days_left": round((date - now) / DAY, 6)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The date, how far away it is, and from when until when that counts."""
        date, told = self._date.read(view.context), self._date.says(view.context)
        if date is None:
            return told
        away = f"in {span(date - now)}" if date >= now else f"{span(now - date)} ago"
        if self._after is not None:
            return Said(f"{told.words}, {away}; it counts from {span(self._after)} after it on, {moment(date + self._after)}")
        begins = date - (self._before or 0)
        return Said(f"{told.words}, {away}; it counts from {span(self._before or 0)} before it, {moment(begins)}, until then")
