"""True while a measure over a sliding window, or since a date, is at least, or at most, a bound.

    when:
      count:
        of: ticket.created
        where: {properties.priority: urgent}
        over: 7d
        at_least: 3

`measure:` is `count` (the default), `users`, `days`, or `sum min max avg last distinct` of a property. Instead of `over`,
`since: account.contract_start`. A bound may be a share: `50% of account.seats`. Counts with a bound up to 1,000 use exact
windows, `[t - over, t]`; larger ones hours, the other measures hours or days. `at_most` is unknown until it was listened to
for `over`.
"""

from bisect import bisect_left
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.bounds import Bounded, ShareOf, fewest, most
from services.rules.core.calendar import HOURS, open_bucket
from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import amount, events, moment, number, span
from services.rules.core.fields import Duration, EventFilter, Measure, MeasureField
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.metrics.contract import Metric
from services.rules.core.metrics.heard import HeardValues
from services.rules.core.metrics.newest import NewestInstants, NewestKeys
from services.rules.core.milestones import KEYS_AT_MOST
from services.rules.core.traits import TraitDate, trait_path
from services.rules.core.windows import bucket_calendar, bucket_count, whole_buckets
from shared.instants import HOUR, Instant
from shared.records import JsonObject

EXACT_UP_TO = 1_000


class Count(Bounded, EventFilter):
    """The filter, the measure, the window or the date, the bound."""

    impulse: ClassVar[bool] = False
    measure: MeasureField = Measure()
    over: Duration | None = None
    since: str | None = None

    @field_validator("since")
    @classmethod
    def _path(cls, found: str | None) -> str | None:
        return None if found is None else trait_path(found)

    @property
    def large(self) -> bool:
        """Whether the bound is too large for exact instants; a share may turn out either way."""
        return not isinstance(self.bound, ShareOf) and self.bound > EXACT_UP_TO

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.over is None) == (self.since is None):
            raise PydanticCustomError("count_window", "count needs exactly one of over and since")
        if self.over is not None and self.measure.kind != "count":
            whole_buckets(self.over)
        if self.over is not None and self.measure.kind == "count" and self.large and self.over % HOUR:
            raise PydanticCustomError("whole_buckets", "a bound above 1000 counts by hours: over is a whole number of hours")
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        if self.since is not None:
            return single(SinceCount(self, setting), leaves)
        if self.measure.kind != "count" or self.large:
            return single(BucketCount(self, setting), leaves)
        return single((ShareCount if isinstance(self.bound, ShareOf) else ExactCount)(self, setting), leaves)


class _Counted(Leaf):
    """What all ways of counting share: the bound, and when it is known."""

    def __init__(self, form: Count) -> None:
        self.filter: EventFilter = form
        self.form = form
        self.over = form.over or 0
        self.paths = form.bound_paths
        self.limit = EXACT_UP_TO + 1 if isinstance(form.bound, ShareOf) else fewest(form.bound) + 1

    def _waits_until(self, view: View, now: Instant) -> Instant | None:
        """`at_most` is unknown up to this instant; `at_least` is always known."""
        if self.form.at_most is None:
            return None
        known_from = view.heard_since(self.filter) + self.over
        return known_from if now <= known_from else None

    def _against(self, number: int, bound: float) -> bool:
        return number >= fewest(bound) if self.form.at_least is not None else number <= most(bound)

    def _says(self, view: View, now: Instant, measured: str) -> Said:
        """What was measured against the bound, or why that cannot be said yet."""
        bound, wait = self.form.bound_says(view.context), self._waits_until(view, now)
        if wait is not None and not bound.lacking:
            since = f"heard since only {moment(view.heard_since(self.filter))}"
            return Said(f"{measured}; {bound.words} can be said from {moment(wait)} on: {since}")
        return Said(f"{measured}; {bound.words} is asked for", bound.lacking)

    def _turning(self, bound: float) -> int:
        """The count whose last event makes the difference: with it the verdict is another than with one less."""
        return fewest(bound) if self.form.at_least is not None else most(bound) + 1


class ExactCount(_Counted):
    """Counts the newest instants, one more than the bound."""

    def __init__(self, form: Count, setting: Setting) -> None:
        super().__init__(form)
        self.metrics: tuple[Metric, ...] = (NewestInstants(form, self.limit, form.over, setting.days),)
        self.key = self.metrics[0].key
        self._needed = 0 if form.at_least is None or isinstance(form.bound, ShareOf) else fewest(form.bound)

    def _number(self, instants: list[Instant] | None, now: Instant) -> int:
        return len(instants) - bisect_left(instants, now - self.over) if instants else 0

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Events with `now - over <= occurred_at <= now`, against the bound."""
        bound = self.form.bound_in(view.context)
        if bound is None or self._waits_until(view, now) is not None:
            return None
        return self._against(self._number(metrics.get(self.key), now), bound)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """When the event that makes the difference leaves the window."""
        bound = self.form.bound_in(view.context)
        wait = self._waits_until(view, now)
        if bound is None or wait is not None:
            return wait
        turning = self._turning(bound)
        instants: list[Instant] = metrics.get(self.key) or []
        if turning <= 0 or self._number(instants, now) < turning:
            return None
        return instants[-turning] + self.over

    def outlook(self, metrics: Metrics, own: Any, view: View, now: Instant) -> tuple[Verdict, Instant | None]:
        """The usual case in short: `at_least` a number, of which fewer are kept than are asked for."""
        if self._needed and len(metrics.get(self.key) or ()) < self._needed:
            return False, None
        return self.verdict(metrics, own, view, now), self.next_change(metrics, own, view, now)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`count`: at most one more than the bound, since no more is kept."""
        return {"count": self._number(metrics.get(self.key), now)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """How many, in the last `over`."""
        count = self._number(metrics.get(self.key), now)
        # No more than that is kept.
        more = " or more" if count >= self.limit else ""
        return self._says(view, now, f"{number(count)}{more} {events(self.form)} in the last {span(self.over)}")


class BucketCount(_Counted):
    """Measures the open bucket and those before it, `over` in all."""

    def __init__(self, form: Count, setting: Setting) -> None:
        super().__init__(form)
        by_hours = form.measure.kind == "count"
        self.calendar = HOURS if by_hours else bucket_calendar(self.over, setting.days)
        self.buckets = self.over // HOUR if by_hours else bucket_count(self.over)
        self.metric = Buckets(form, form.measure, self.calendar, setting.days, self.buckets)
        self.metrics: tuple[Metric, ...] = (self.metric,)
        self.bucket_key = self.metric.key

    def _verdict_in(self, memory: Any, bucket: int, bound: float) -> Verdict:
        number = self.metric.over(memory, bucket - self.buckets + 1, bucket + 1)
        return None if number is None else self.form.holds(number, bound)

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """The measure against the bound; `min max avg last` without a value are unknown."""
        bound = self.form.bound_in(view.context)
        if bound is None or self._waits_until(view, now) is not None:
            return None
        return self._verdict_in(metrics.get(self.bucket_key), open_bucket(self.calendar, now), bound)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The first boundary at which the window has another verdict."""
        bound = self.form.bound_in(view.context)
        wait = self._waits_until(view, now)
        if bound is None or wait is not None:
            return wait
        memory, bucket = metrics.get(self.bucket_key), open_bucket(self.calendar, now)
        verdict = self._verdict_in(memory, bucket, bound)
        # At a boundary itself the next bucket has events already.
        for later in range(bucket + 1, bucket + self.buckets + 2):
            if self._verdict_in(memory, later, bound) is not verdict:
                return self.calendar.start(later)
        return None

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The measure, by its name."""
        bucket = open_bucket(self.calendar, now)
        number = self.metric.over(metrics.get(self.bucket_key), bucket - self.buckets + 1, bucket + 1)
        return {self.form.measure.kind: None if number is None else round(number, 6)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The measure, in the last `over`."""
        bucket = open_bucket(self.calendar, now)
        found = self.metric.over(metrics.get(self.bucket_key), bucket - self.buckets + 1, bucket + 1)
        if found is None:
            return Said(f"no number at {self.form.measure.path} in any {events(self.form)} of the last {span(self.over)}")
        return self._says(view, now, f"{amount(self.form.measure, found, self.form)} in the last {span(self.over)}")


class ShareCount(ExactCount):
    """A count whose bound is a share of a trait: exact while that is at most 1,000, by hours above."""

    def __init__(self, form: Count, setting: Setting) -> None:
        super().__init__(form, setting)
        self.by_hours = BucketCount(form, setting)
        self.metrics += self.by_hours.metrics

    def _is_large(self, view: View) -> bool:
        return (self.form.bound_in(view.context) or 0) > EXACT_UP_TO

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Either way of counting."""
        if self._is_large(view):
            return self.by_hours.verdict(metrics, own, view, now)
        return super().verdict(metrics, own, view, now)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """Either way of counting."""
        if self._is_large(view):
            return self.by_hours.next_change(metrics, own, view, now)
        return super().next_change(metrics, own, view, now)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """Either way of counting."""
        if self._is_large(view):
            return self.by_hours.evidence(metrics, own, view, now)
        return super().evidence(metrics, own, view, now)

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """Either way of counting."""
        if self._is_large(view):
            return self.by_hours.says(metrics, own, view, now)
        return super().says(metrics, own, view, now)


class SinceCount(_Counted):
    """Measures from a date in a trait on.

    Of what counts up to a bound the newest as many as are needed are kept: if those lie after the date, enough do.
    """

    def __init__(self, form: Count, setting: Setting) -> None:
        super().__init__(form)
        self._date = TraitDate(form.since or "", setting.timezone)
        self.paths |= {form.since or ""}
        self.kind = form.measure.kind
        self._heard: HeardValues | None = None
        if self.kind in ("users", "days", "distinct"):
            limit = KEYS_AT_MOST if isinstance(form.bound, ShareOf) else self.limit
            self.metrics: tuple[Metric, ...] = (NewestKeys(form, form.measure, limit, setting.days),)
        elif self.kind == "count" and not isinstance(form.bound, ShareOf) and not form.large:
            self.metrics = (NewestInstants(form, self.limit, None, setting.days),)
        else:
            self._heard = HeardValues(form, form.measure, setting.days, by_days=True)
            self.metrics = (self._heard,)
        self.key = self.metrics[0].key

    def _number(self, metrics: Metrics, date: Instant) -> int | float | None:
        memory = metrics.get(self.key)
        if self._heard is not None:
            return self._heard.since(memory, date)
        if self.kind == "count":
            return len(memory) - bisect_left(memory, date) if memory else 0
        return sum(1 for at, _ in memory or () if at >= date)

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Unknown without the date; `at_most` also before it, and where it lies before we listened."""
        date, bound = self._date.read(view.context), self.form.bound_in(view.context)
        if date is None or bound is None:
            return None
        if self.form.at_most is not None and (now < date or view.heard_since(self.filter) > date):
            return None
        number = self._number(metrics, date)
        return None if number is None else self.form.holds(number, bound)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The date itself."""
        date = self._date.read(view.context)
        return date if date is not None and now <= date else None

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The measure by its name; of what counts up to a bound, at most one more than that."""
        date = self._date.read(view.context)
        number = None if date is None else self._number(metrics, date)
        return {} if date is None else {self.kind: None if number is None else round(number, 6)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """How much since the date, and why that cannot be said."""
        date, bound = self._date.read(view.context), self.form.bound_says(view.context)
        if date is None or bound.lacking:
            told = self._date.says(view.context)
            return Said(f"{told.words}; {bound.words} is asked for", told.lacking + bound.lacking)
        found = self._number(metrics, date)
        more = " or more" if self._heard is None and found is not None and found >= self.limit else ""
        measured = "no value" if found is None else amount(self.form.measure, found, self.form)
        measured = f"{measured}{more} since {self.form.since}, {moment(date)}"
        if self.form.at_most is not None and now < date:
            return Said(f"{measured}: that is still to come")
        if self.form.at_most is not None and view.heard_since(self.filter) > date:
            return Said(f"{measured}, but heard since only {moment(view.heard_since(self.filter))}: {bound.words} cannot be said")
        return Said(f"{measured}; {bound.words} is asked for")
