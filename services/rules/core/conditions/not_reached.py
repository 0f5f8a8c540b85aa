"""True when milestones have not been met within a time after an anchor; false for ever once they were.

    when:
      not_reached:
        since: account.onboarded_at
        within: 14d
        milestones:
          first report: {count: {of: report.exported, at_least: 1}}
          team: {count: {of: any, measure: users, at_least: 3}}

`since:` may be an event, `{event: {of: ticket.created}, restart: true}`: its first occurrence, with `restart` its latest.
`milestone:` takes one count instead of several. What occurred from the anchor on counts, also where it was heard before it.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.clauses import Clause, Said
from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.conditions.event import Event
from services.rules.core.fields import Duration, EventFilter, Form, Measure, MeasureField, Positive
from services.rules.core.metrics.contract import Metric
from services.rules.core.metrics.newest import NewestInstants, NewestKeys
from services.rules.core.metrics.seen import FirstSeen, LastSeen
from services.rules.core.traits import TraitDate, trait_path
from services.rules.core.words import amount, events, moment, number, span
from shared.instants import Instant, show_instant
from shared.records import JsonObject

# How many instants a milestone with a window may look back on.
_WINDOWED = 1_000


class MilestoneCount(EventFilter):
    """How much of what makes a milestone; with `over` it must come together in some window of that length."""

    measure: MeasureField = Measure()
    over: Duration | None = None
    at_least: Positive

    @model_validator(mode="after")
    def _measurable(self) -> Self:
        if self.measure.kind not in ("count", "users", "days", "distinct"):
            raise PydanticCustomError("milestone_measure", "a milestone counts events, users, days or distinct values")
        if self.over is not None and self.measure.kind != "count":
            raise PydanticCustomError("milestone_over", "over goes with a count of events")
        return self


class Milestone(Form):
    """`{count: ...}`."""

    count: MilestoneCount


class EventAnchor(Form):
    """An event as the anchor: its first occurrence, with `restart` its latest."""

    event: Event
    restart: bool = False


def _anchor(found: object) -> object:
    return trait_path(found) if isinstance(found, str) else found


class NotReached(Form):
    """The anchor, the time given, the milestones."""

    impulse: ClassVar[bool] = False
    since: str | EventAnchor = Field(union_mode="left_to_right")
    within: Duration
    milestones: dict[str, Milestone] = Field(default={}, alias="milestones")
    milestone: Milestone | None = None

    _path = field_validator("since", mode="before")(_anchor)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if bool(self.milestones) == (self.milestone is not None):
            raise PydanticCustomError("milestones", "not_reached needs exactly one of milestones and milestone")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(NotReachedLeaf(self, setting), leaves)


class NotReachedLeaf(Leaf):
    """Its metrics: one for each milestone, then the anchor's where that is an event."""

    def __init__(self, form: NotReached, setting: Setting) -> None:
        given = form.milestones if form.milestone is None else {"milestone": form.milestone}
        self.milestones = {name: milestone.count for name, milestone in given.items()}
        self.metrics: tuple[Metric, ...] = tuple(_metric(count, setting) for count in self.milestones.values())
        self.within = form.within
        self._date: TraitDate | None = None
        if isinstance(form.since, str):
            self._date, self._since = TraitDate(form.since, setting.timezone), form.since
            self.paths = frozenset({form.since})
        else:
            anchor = form.since.event
            self._since = events(anchor)
            self.metrics += (LastSeen(anchor) if form.since.restart else FirstSeen(anchor),)

    def _anchor(self, metrics: Metrics, view: View) -> Instant | None:
        return metrics.get(self.metrics[-1].key) if self._date is None else self._date.read(view.context)

    def _missing(self, metrics: Metrics, anchor: Instant) -> list[str]:
        return [
            name
            for (name, count), metric in zip(self.milestones.items(), self.metrics, strict=False)
            if not _met(count, metrics.get(metric.key), anchor)
        ]

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """No anchor: unknown. Until anchor + within: false. Then true while a milestone is missing."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return None
        return now - anchor > self.within and bool(self._missing(metrics, anchor))

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The end of the time given."""
        anchor = self._anchor(metrics, view)
        return anchor + self.within if anchor is not None and now - anchor <= self.within else None

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`since`, `missing` (names of milestones) and `reached`: how much of each there is, no more than it needs."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return {}
        reached = {
            name: min(_after(count, metrics.get(metric.key), anchor), count.at_least)
            for (name, count), metric in zip(self.milestones.items(), self.metrics, strict=False)
        }
        return {"since": show_instant(anchor), "missing": self._missing(metrics, anchor), "reached": reached}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The anchor, the time given, and each milestone."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return Said(f"{self._since} was never seen") if self._date is None else self._date.says(view.context)
        ends = anchor + self.within
        over = "were over on" if now > ends else "are over on"
        words = f"the {span(self.within)} since {self._since}, {moment(anchor)}, {over} {moment(ends)}; until then should be met"
        return Said(words, clauses=tuple(self._milestones(metrics, anchor)))

    def _milestones(self, metrics: Metrics, anchor: Instant) -> Iterator[Clause]:
        for (name, count), metric in zip(self.milestones.items(), self.metrics, strict=False):
            memory = metrics.get(metric.key)
            reached = min(_after(count, memory, anchor), count.at_least)
            needed = amount(count.measure, count.at_least, count)
            within = "" if count.over is None else f" within {span(count.over)}"
            words = f"{name}: {number(reached)} of {needed}{within}"
            evidence = {"milestone": name, "reached": reached, "at_least": count.at_least}
            yield Clause(kind="milestone", verdict=_met(count, memory, anchor), words=words, evidence=evidence)


def _metric(count: MilestoneCount, setting: Setting) -> Metric:
    """The newest as many as are needed: if those lie after an anchor, enough do."""
    if count.measure.kind == "count":
        return NewestInstants(count, count.at_least if count.over is None else max(count.at_least, _WINDOWED), None)
    return NewestKeys(count, count.measure, count.at_least, setting.days)


def _after(count: MilestoneCount, memory: Any, anchor: Instant) -> int:
    if not memory:
        return 0
    if count.measure.kind == "count":
        return len(memory) - bisect_left(memory, anchor)
    return sum(1 for at, _ in memory if at >= anchor)


def _met(count: MilestoneCount, memory: Any, anchor: Instant) -> bool:
    if _after(count, memory, anchor) < count.at_least:
        return False
    if count.over is None:
        return True
    instants = memory[bisect_left(memory, anchor) :]
    last = count.at_least - 1
    return any(instants[n + last] - instants[n] <= count.over for n in range(len(instants) - last))
