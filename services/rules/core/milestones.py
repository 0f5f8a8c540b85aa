"""Milestones: a measure of what occurred from an anchor on that has to reach a bound once.

    first report: {count: {of: report.exported, at_least: 1}}
    a good week: {count: {of: report.exported, measure: {sum: properties.pages}, over: 7d, at_least: 100}}

Without `over` it is met at the first instant at which the measure of all that was heard until then reaches the bound. With `over`
it is met if any window of that length reaches it, whenever its events were heard: of a count exactly `over` long, of the other
measures made of hours or local days as those of `count` are.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.bounds import Bounded, ShareOf, at_least, fewest
from services.rules.core.condition import Metrics, Setting
from services.rules.core.fields import Duration, EventFilter, Form, Measure, MeasureField
from services.rules.core.metrics import folds
from services.rules.core.metrics.contract import Metric
from services.rules.core.metrics.heard import HeardValues
from services.rules.core.metrics.newest import NewestInstants, NewestKeys
from services.rules.core.windows import bucket_calendar, bucket_count, whole_buckets
from shared.instants import Instant
from shared.records import JsonObject

# So many users, days or values are told apart where the bound is a share of a trait.
KEYS_AT_MOST = 10_000
Number = int | float


class MilestoneCount(Bounded, EventFilter):
    """How much of what makes a milestone; with `over` it must come together in some window of that length."""

    measure: MeasureField = Measure()
    over: Duration | None = None

    @model_validator(mode="after")
    def _reaches(self) -> Self:
        if self.at_most is not None:
            raise PydanticCustomError("milestone_bound", "a milestone is reached from below: it takes at_least")
        if self.over is not None and self.measure.kind != "count":
            whole_buckets(self.over)
        return self


class Milestone(Form):
    """`{count: ...}`."""

    count: MilestoneCount


class Reaching(ABC):
    """One milestone at work, for a given anchor."""

    metric: Metric

    def __init__(self, form: MilestoneCount) -> None:
        self.form = form

    # What it tells is forgotten in time: that it was met has to be remembered.
    forgets = False

    def must_look(self, metrics: Metrics) -> bool:
        """Whether it has to be looked at now, because what is known now may be forgotten."""
        return False

    @abstractmethod
    def met(self, metrics: Metrics, anchor: Instant, bound: float, now: Instant) -> bool:
        """Whether what is known tells that it was met."""

    @abstractmethod
    def so_far(self, metrics: Metrics, anchor: Instant) -> Number | None:
        """The measure of all that occurred from the anchor on."""

    def shown(self, metrics: Metrics, anchor: Instant, context: dict[str, JsonObject]) -> Number | None:
        """How much there is, to 6 decimals; of what counts up, no more than is needed."""
        number, bound = self.so_far(metrics, anchor), self.form.bound_in(context)
        if number is not None and bound is not None and self.form.measure.kind in ("count", "users", "days", "distinct"):
            return min(number, max(fewest(bound), 0))
        return None if number is None else round(number, 6)

    def next_change(self, metrics: Metrics, anchor: Instant, now: Instant) -> Instant | None:
        """The first deadline at or after `now` at which it may be met without another event."""
        return None


def reaching(form: MilestoneCount, setting: Setting) -> Reaching:
    """The cheapest way that is exact."""
    needed = None if isinstance(form.bound, ShareOf) else max(fewest(form.bound), 1)
    if form.over is None and form.measure.kind in ("users", "days", "distinct"):
        return _ByKeys(form, setting, needed or KEYS_AT_MOST)
    if form.over is None and form.measure.kind == "count" and needed is not None:
        return _ByNewest(form, setting, needed)
    return _ByValues(form, setting)


class _ByNewest(Reaching):
    """The newest as many as are needed: if those lie after an anchor, enough do."""

    def __init__(self, form: MilestoneCount, setting: Setting, limit: int) -> None:
        super().__init__(form)
        self.metric = NewestInstants(form, limit, None, setting.days)

    def so_far(self, metrics: Metrics, anchor: Instant) -> Number | None:
        instants = metrics.get(self.metric.key) or []
        return len(instants) - bisect_left(instants, anchor)

    def met(self, metrics: Metrics, anchor: Instant, bound: float, now: Instant) -> bool:
        return at_least(self.so_far(metrics, anchor) or 0, bound)


class _ByKeys(_ByNewest):
    """The same of the newest users, days or values."""

    def __init__(self, form: MilestoneCount, setting: Setting, limit: int) -> None:
        Reaching.__init__(self, form)
        self.metric = NewestKeys(form, form.measure, limit, setting.days)

    def so_far(self, metrics: Metrics, anchor: Instant) -> Number | None:
        return sum(1 for at, _ in metrics.get(self.metric.key) or [] if at >= anchor)


class _ByValues(Reaching):
    """Every value as it was heard: what goes down again is met all the same."""

    forgets = True

    def __init__(self, form: MilestoneCount, setting: Setting) -> None:
        super().__init__(form)
        self.kind = form.measure.kind
        self.heard = HeardValues(form, form.measure, setting.days, by_days=form.over is None)
        self.metric = self.heard
        self.over = form.over
        self.exact = self.kind == "count"
        # Where a value that leaves a window can make the measure reach the bound.
        self.falls = self.kind in ("min", "avg", "last", "sum")
        if form.over is not None and not self.exact:
            self.calendar, self.width = bucket_calendar(form.over, setting.days), bucket_count(form.over)

    def must_look(self, metrics: Metrics) -> bool:
        return self.heard.is_full(metrics.get(self.metric.key))

    def so_far(self, metrics: Metrics, anchor: Instant) -> Number | None:
        return self.heard.since(metrics.get(self.metric.key), anchor)

    def met(self, metrics: Metrics, anchor: Instant, bound: float, now: Instant) -> bool:
        memory = metrics.get(self.metric.key)
        if self.over is None:
            total = self.heard.since(memory, anchor)
            if total is not None and at_least(total, bound):
                return True
            return self.falls and self._reaches(self.heard.values(memory, anchor), 0, bound)
        values = sorted(self.heard.values(memory, anchor), key=_occurred)
        if self.exact:
            needed = max(fewest(bound), 1) - 1
            return any(values[n + needed][0] - values[n][0] <= self.over for n in range(len(values) - needed))
        return any(self._reaches(*window, bound) for window in self._windows(values, now))

    def next_change(self, metrics: Metrics, anchor: Instant, now: Instant) -> Instant | None:
        """The next boundary at which a value leaves the window, or at which what occurred on it comes in."""
        if self.over is None or self.exact:
            return None
        buckets = {self.calendar.number(at) for at, _ in self.heard.values(metrics.get(self.metric.key), anchor)}
        moved = (0, self.width) if self.falls else (0,)
        boundaries = (self.calendar.start(bucket + by) for bucket in buckets for by in moved)
        return min((boundary for boundary in boundaries if boundary >= now), default=None)

    def _reaches(self, values: Sequence[list[Any]], complete: int, bound: float) -> bool:
        """Whether the measure of the first `complete` values, or of these and any number of the next ones, reaches the bound."""
        cell = None
        for place, (at, value) in enumerate(values):
            if place == complete and self._is_enough(cell, bound):
                return True
            cell = folds.add(self.kind, cell, at, value)
            if place >= complete and self._is_enough(cell, bound):
                return True
        return self._is_enough(cell, bound)

    def _is_enough(self, cell: folds.Cell, bound: float) -> bool:
        number = None if cell is None else folds.result(self.kind, cell)
        return number is not None and at_least(number, bound)

    def _windows(self, values: Sequence[list[Any]], now: Instant) -> Iterator[tuple[Sequence[list[Any]], int]]:
        """Each window's values by when they occurred, and how many of them lie before its last bucket.

        A window has another content in each bucket with values, and in the one at which a bucket's values have left it.
        """
        buckets = [self.calendar.number(at) for at, _ in values]
        ends = {*buckets, *(bucket + self.width for bucket in buckets)} if self.falls else set(buckets)
        for end in sorted(ends):
            if self.calendar.start(end) < now:
                first, last, past = (bisect_left(buckets, n) for n in (end - self.width + 1, end, end + 1))
                yield values[first:past], last - first


def _occurred(one: list[Any]) -> Instant:
    return one[0]  # type: ignore[no-any-return]  # [occurred_at, value]
