"""True while a measure over a sliding window is at least, or at most, a bound.

    when:
      count:
        of: ticket.created
        where: {properties.priority: urgent}
        over: 7d
        at_least: 3

`measure:` is `count` (the default), `users`, `days`, or `sum min max avg last distinct` of a property. Counts with a bound up to
1,000 use exact windows, `[t - over, t]`; larger ones and the other measures use buckets. `at_most` is unknown until it was
listened to for `over`.
"""

from bisect import bisect_left
from typing import Any, ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.bounds import Bounded
from services.rules.core.calendar import open_bucket
from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.fields import Duration, EventFilter, Measure, MeasureField
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.metrics.newest import NewestInstants
from services.rules.core.windows import bucket_calendar, bucket_count, whole_buckets
from shared.instants import Instant
from shared.records import JsonObject

EXACT_UP_TO = 1_000


class Count(Bounded, EventFilter):
    """The filter, the measure, the window, the bound."""

    impulse: ClassVar[bool] = False
    measure: MeasureField = Measure()
    over: Duration

    @property
    def exact(self) -> bool:
        """Whether the newest instants are kept, rather than buckets."""
        return self.measure.kind == "count" and (self.at_least or self.at_most or 0) <= EXACT_UP_TO

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.exact:
            whole_buckets(self.over)
        if self.exact and any(bound is not None and bound != int(bound) for bound in (self.at_least, self.at_most)):
            raise PydanticCustomError("whole_number", "a count is a whole number, and so is its bound")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(ExactCount(self) if self.exact else BucketCount(self, setting), leaves)


class _Counted(Leaf):
    """What both ways of counting share: the bound, and when it is known."""

    def __init__(self, form: Count) -> None:
        self.filter = form
        self.form = form

    def _known_from(self, view: View) -> Instant | None:
        """`at_most` is unknown up to this instant; `at_least` is always known."""
        return None if self.form.at_most is None else view.heard_since(self.filter) + self.form.over  # type: ignore[arg-type]


class ExactCount(_Counted):
    """Counts the newest instants, one more than the bound."""

    def __init__(self, form: Count) -> None:
        super().__init__(form)
        self.bound = int(form.at_least if form.at_least is not None else form.at_most or 0)
        self.metrics = (NewestInstants(form, self.bound + 1, form.over),)
        self.key = self.metrics[0].key

    def _number(self, instants: list[Instant] | None, now: Instant) -> int:
        return len(instants) - bisect_left(instants, now - self.form.over) if instants else 0

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Events with `now - over <= occurred_at <= now`, against the bound."""
        known_from = self._known_from(view)
        if known_from is not None and now <= known_from:
            return None
        number = self._number(metrics.get(self.key), now)
        return number >= self.bound if self.form.at_least is not None else number <= self.bound

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """When the event that makes the difference leaves the window."""
        known_from = self._known_from(view)
        if known_from is not None and now <= known_from:
            return known_from
        needed = self.bound if self.form.at_least is not None else self.bound + 1
        instants: list[Instant] = metrics.get(self.key) or []
        if needed == 0 or self._number(instants, now) < needed:
            return None
        return instants[-needed] + self.form.over

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`count`: at most one more than the bound, since no more is kept."""
        return {"count": self._number(metrics.get(self.key), now)}


class BucketCount(_Counted):
    """Measures the open bucket and those before it, `over` in all."""

    def __init__(self, form: Count, setting: Setting) -> None:
        super().__init__(form)
        self.calendar = bucket_calendar(form.over, setting.days)
        self.buckets = bucket_count(form.over)
        self.metric = Buckets(form, form.measure, self.calendar, setting.days, self.buckets)
        self.metrics = (self.metric,)
        self.key = self.metric.key

    def _verdict_in(self, memory: Any, bucket: int) -> Verdict:
        number = self.metric.over(memory, bucket - self.buckets + 1, bucket + 1)
        return None if number is None else self.form.holds(number)

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """The measure against the bound; `min max avg last` without a value are unknown."""
        known_from = self._known_from(view)
        if known_from is not None and now <= known_from:
            return None
        return self._verdict_in(metrics.get(self.key), open_bucket(self.calendar, now))

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The first boundary at which the window has another verdict."""
        known_from = self._known_from(view)
        if known_from is not None and now <= known_from:
            return known_from
        bucket = open_bucket(self.calendar, now)
        verdict = self._verdict_in(metrics.get(self.key), bucket)
        for later in range(bucket + 1, bucket + self.buckets + 1):
            if self._verdict_in(metrics.get(self.key), later) is not verdict:
                return self.calendar.start(later)
        return None

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The measure, by its name."""
        bucket = open_bucket(self.calendar, now)
        number = self.metric.over(metrics.get(self.key), bucket - self.buckets + 1, bucket + 1)
        return {self.form.measure.kind: None if number is None else round(number, 6)}
