"""True at a recurring date: each so long after an anchor, or by a cron expression in the play's time zone.

    when:
      every: {since: account.onboarded_at, each: 90d}

`{cron: "0 9 * * MON"}` needs no anchor. Occurrences are anchor + k x each, k = 1, 2, ...; without the anchor there are none.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.cron import Cron
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import moment, span
from services.rules.core.fields import Duration, Form
from services.rules.core.traits import TraitDate, trait_path
from shared.instants import Instant, show_instant
from shared.records import JsonObject

Occurrence = Callable[[View, Instant], Instant | None]


class Every(Form):
    """`since` and `each`, or `cron`."""

    impulse: ClassVar[bool] = True
    since: str | None = None
    each: Duration | None = None
    cron: str | None = None

    @field_validator("since")
    @classmethod
    def _path(cls, found: str | None) -> str | None:
        return None if found is None else trait_path(found)

    @field_validator("cron")
    @classmethod
    def _expression(cls, found: str | None) -> str | None:
        if found is not None:
            try:
                Cron(found, "UTC")
            except ValueError as error:
                raise PydanticCustomError("cron", "{reason}", {"reason": str(error)}) from None
        return found

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.since is None) != (self.each is None) or (self.each is None) == (self.cron is None):
            raise PydanticCustomError("every", "every needs since and each, or cron")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(EveryLeaf(self, setting), leaves)


class EveryLeaf(Leaf):
    """True when the deadline that is being taken is an occurrence."""

    impulse = True
    beside_events = True

    def __init__(self, form: Every, setting: Setting) -> None:
        self._next: Occurrence
        self._date: TraitDate | None = None
        if form.since is not None and form.each is not None:
            self.paths = frozenset({form.since})
            self._date = TraitDate(form.since, setting.timezone)
            self._next = _each(self._date, form.each)
            self._asked = f"each {span(form.each)} since {form.since}"
        else:
            self._next = _by(Cron(form.cron or "", setting.timezone))
            self._asked = f"`{form.cron}` in {setting.timezone}"

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """A deadline `d` is evaluated at `d` plus one microsecond; at an event nothing recurs."""
        return view.event is None and self._next(view, now - 1) == now - 1

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The next occurrence."""
        return self._next(view, now)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`occurrence`: its instant."""
        return {"occurrence": show_instant(now - 1)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """When it recurs next."""
        if self._date is not None and self._date.read(view.context) is None:
            return self._date.says(view.context)
        following = self._next(view, now)
        return Said(
            f"at a recurring date {self._asked}: {'never again' if following is None else f'next on {moment(following)}'}"
        )


def _by(cron: Cron) -> Occurrence:
    def following(_: View, at: Instant) -> Instant | None:
        return cron.next(at)

    return following


def _each(date: TraitDate, each: int) -> Occurrence:
    def following(view: View, at: Instant) -> Instant | None:
        anchor = date.read(view.context)
        return None if anchor is None else anchor + max(1, -((anchor - at) // each)) * each

    return following
