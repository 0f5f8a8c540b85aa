"""True when milestones have not been met within a time after an anchor; false for ever once they were.

    when:
      not_reached:
        since: account.onboarded_at
        within: 14d
        milestones:
          first report: {count: {of: report.exported, at_least: 1}}
          team: {count: {of: any, measure: users, at_least: 3}}

`since:` may be an event, `{event: {of: ticket.created}, restart: true}`: its first occurrence, with `restart` its latest.
`milestone:` takes one count instead of several. What occurred from the anchor on counts, also where it was heard before it. A
milestone takes any `measure`, a share as its bound, and `over`: `{count: {of: any, measure: days, over: 7d, at_least: 5}}`.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.conditions.event import Event
from services.rules.core.explaining.clauses import Clause, Said
from services.rules.core.explaining.words import amount, events, moment, number, span
from services.rules.core.fields import Duration, Form
from services.rules.core.metrics.contract import Metric
from services.rules.core.metrics.seen import FirstSeen, LastSeen
from services.rules.core.milestones import Milestone, reaching
from services.rules.core.traits import TraitDate, trait_path
from shared.instants import Instant, show_instant
from shared.records import JsonObject


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
    """Its metrics: one for each milestone, then the anchor's where that is an event.

    Own memory: `[anchor, names of the milestones known to be met]`, of those that may forget what they were met by.
    """

    def __init__(self, form: NotReached, setting: Setting) -> None:
        given = form.milestones if form.milestone is None else {"milestone": form.milestone}
        self.milestones = {name: reaching(milestone.count, setting) for name, milestone in given.items()}
        self.remembers = any(milestone.forgets for milestone in self.milestones.values())
        self.metrics: tuple[Metric, ...] = tuple(milestone.metric for milestone in self.milestones.values())
        self.within = form.within
        self.paths = frozenset[str]().union(*(milestone.form.bound_paths for milestone in self.milestones.values()))
        self._date: TraitDate | None = None
        if isinstance(form.since, str):
            self._date, self._since = TraitDate(form.since, setting.timezone), form.since
            self.paths |= {form.since}
        else:
            anchor = form.since.event
            self._since = events(anchor)
            self.metrics += (LastSeen(anchor, setting.days) if form.since.restart else FirstSeen(anchor, setting.days),)

    def _anchor(self, metrics: Metrics, view: View) -> Instant | None:
        return metrics.get(self.metrics[-1].key) if self._date is None else self._date.read(view.context)

    def decided(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Any:
        """Which milestones were met since the anchor: looked for once it matters, and before anything is forgotten."""
        anchor = self._anchor(metrics, view)
        met: list[str] = own[1] if own is not None and own[0] == anchor else []
        if anchor is None:
            return [None, []]
        late = now - anchor > self.within
        for name, milestone in self.milestones.items():
            if milestone.forgets and name not in met and (late or milestone.must_look(metrics)):
                bound = milestone.form.bound_in(view.context)
                if bound is not None and milestone.met(metrics, anchor, bound, now):
                    met = [*met, name]
        return [anchor, met]

    def _missing(self, metrics: Metrics, own: Any, view: View, anchor: Instant, now: Instant) -> list[str]:
        known = own[1] if own is not None else ()
        missing = []
        for name, milestone in self.milestones.items():
            bound = milestone.form.bound_in(view.context)
            if name not in known and (milestone.forgets or bound is None or not milestone.met(metrics, anchor, bound, now)):
                missing.append(name)
        return missing

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """No anchor: unknown. Until anchor + within: false. Then true while a milestone is missing."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return None
        return now - anchor > self.within and bool(self._missing(metrics, own, view, anchor, now))

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The end of the time given; after it, when time alone may meet a milestone."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return None
        if now - anchor <= self.within:
            return anchor + self.within
        missing = self._missing(metrics, own, view, anchor, now)
        changes = [self.milestones[name].next_change(metrics, anchor, now) for name in missing]
        return min((change for change in changes if change is not None), default=None)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`since`, `missing` (names of milestones) and `reached`: how much of each there is."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return {}
        missing = self._missing(metrics, own, view, anchor, now)
        reached = {name: milestone.shown(metrics, anchor, view.context) for name, milestone in self.milestones.items()}
        return {"since": show_instant(anchor), "missing": missing, "reached": reached}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The anchor, the time given, and each milestone."""
        anchor = self._anchor(metrics, view)
        if anchor is None:
            return Said(f"{self._since} was never seen") if self._date is None else self._date.says(view.context)
        ends = anchor + self.within
        over = "were over on" if now > ends else "are over on"
        words = f"the {span(self.within)} since {self._since}, {moment(anchor)}, {over} {moment(ends)}; until then should be met"
        return Said(words, clauses=tuple(self._clauses(metrics, own, view, anchor, now)))

    def _clauses(self, metrics: Metrics, own: Any, view: View, anchor: Instant, now: Instant) -> Iterator[Clause]:
        missing = self._missing(metrics, own, view, anchor, now)
        for name, milestone in self.milestones.items():
            form, bound = milestone.form, milestone.form.bound_in(view.context)
            reached = milestone.shown(metrics, anchor, view.context)
            if bound is None:
                told = form.bound_says(view.context)
                yield Clause(kind="milestone", verdict=None, words=f"{name}: {told.words} is asked for", lacking=told.lacking)
                continue
            within = "" if form.over is None else f" within {span(form.over)}"
            words = f"{name}: {'nothing' if reached is None else number(reached)} of {amount(form.measure, bound, form)}{within}"
            evidence = {"milestone": name, "reached": reached, "at_least": bound}
            yield Clause(kind="milestone", verdict=name not in missing, words=words, evidence=evidence)
