"""The last `over` against the average per `over` in the `baseline` before it: what `drop` and `rise` share.

Both are decided at first sight and at each bucket boundary `b`, on complete buckets, and kept until the next boundary. While the
verdict is true its baseline stays the one at which it became true, so that an account does not recover by our getting used to it.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.calendar import open_bucket
from services.rules.core.condition import BoundaryLeaf, Metrics, Setting, Verdict, View
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import amount, events, moment, number, span
from services.rules.core.fields import Duration, EventFilter, Measure, MeasureField, Share
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.peers.membership import AdjustField, check_comparable
from services.rules.core.windows import bucket_calendar, bucket_count, first_whole, whole_buckets
from shared.instants import DAY, Instant
from shared.records import JsonObject

# A kept baseline is given up at the first boundary later than this after it was fixed.
KEPT_FOR = 90 * DAY


class Shift(EventFilter):
    """The YAML that drop and rise have in common."""

    impulse: ClassVar[bool] = False
    measure: MeasureField = Measure()
    over: Duration
    baseline: Duration
    by: Share
    floor: float = Field(default=0, ge=0)
    adjust: AdjustField | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        whole_buckets(self.over)
        if self.baseline % self.over:
            raise PydanticCustomError("baseline", "the baseline is a whole multiple of over")
        if self.adjust is not None:
            check_comparable(self.over, self.measure)
        return self


# Own memory of a leaf that decides at boundaries, as a list: what was decided at the boundary of bucket BUCKET; KEPT and
# KEPT_SINCE while the verdict is true; unknown before bucket NOT_BEFORE, whatever is heard.
BUCKET, VERDICT, CURRENT, BASELINE, KEPT, KEPT_SINCE, EXPIRED, NOT_BEFORE = range(8)
Decided = list[Any]


class ShiftLeaf(BoundaryLeaf):
    """Decides at boundaries."""

    # For so many boundaries after its own bucket's an event can only keep false what is false.
    keeps_false = 0

    def __init__(self, form: Shift, setting: Setting) -> None:
        self.filter: EventFilter = form
        self.form = form
        self.calendar = bucket_calendar(form.over, setting.days)
        self.width = bucket_count(form.over)
        self.blocks = form.baseline // form.over
        self.reach = self.width * (self.blocks + 1)
        self.metric = Buckets(form, form.measure, self.calendar, setting.days, self.reach)
        self.metrics = (self.metric,)
        self.key = self.metric.key
        # How far back what is decided at the opening of the bucket asked for last has to know.
        self._reaches_to: Instant = -(1 << 62)
        self._adds_up = form.measure.kind in ("count", "sum")

    @abstractmethod
    def too_small(self, current: float, baseline: float) -> bool:
        """Whether there is nothing to judge: under the floor, or nothing at all."""

    @abstractmethod
    def shifted(self, current: float, baseline: float) -> bool:
        """Whether current against baseline is the shift that is asked for, floor or not."""

    def holds(self, current: float, baseline: float) -> bool:
        """Whether it is large enough to judge and shifted."""
        return not self.too_small(current, baseline) and self.shifted(current, baseline)

    @abstractmethod
    def shown(self, current: float, baseline: float) -> JsonObject:
        """The shift as evidence."""

    @abstractmethod
    def says_shift(self, current: float, baseline: float) -> str:
        """The shift in words, with what is asked for."""

    def could_hold(self, memory: list[Any] | None) -> bool:
        """False where no later boundary can be true without another event: most accounts are too small for the floor."""
        return True

    # ------------------------------------------------------------------ the contract

    def decided(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Any:
        """What was decided at the newest boundary before `now`."""
        bucket = self._bucket_at(now)
        return own if own is not None and own[BUCKET] == bucket else self._decide(metrics.get(self.key), own, view, bucket)

    def restarted(self, own: Any, view: View) -> Any:
        """What was decided stands until the next boundary; which of them is the first to be known may be another."""
        if own is not None and own[NOT_BEFORE]:
            own[NOT_BEFORE] = self._first_known(view, own[BUCKET])
        return own

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """As decided."""
        verdict: Verdict = own[VERDICT]
        return verdict

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The first boundary at which the decision would differ. After a bucket with events mostly the next: more will follow."""
        bucket = self._bucket_at(now)
        memory = metrics.get(self.key)
        if own[NOT_BEFORE] > bucket:
            return self.calendar.start(own[NOT_BEFORE])
        if not self.may_differ(metrics, own):
            return None
        speaks_against = self.keeps_false and own[VERDICT] is False
        if not speaks_against and memory is not None and memory[0] + len(memory) - 2 >= bucket - 1:
            return self.calendar.start(bucket + 1)
        return self._look_ahead(memory, own, view, bucket)

    def outlook(self, metrics: Metrics, own: Any, view: View, now: Instant) -> tuple[Verdict, Instant | None]:
        """As decided."""
        return own[VERDICT], self.next_change(metrics, own, view, now)

    def turn(self, now: Instant) -> None:
        """The boundaries of the open bucket."""
        self.bucket = bucket = open_bucket(self.calendar, now)
        start = self.calendar.start
        self._reaches_to = start(bucket - self.reach)
        self.opened, self.closes, self.tells = start(bucket), start(bucket + 1), start(bucket + 1 + self.keeps_false)

    def _bucket_at(self, now: Instant) -> int:
        """The bucket that is open at `now`: mostly that of the event or the deadline before."""
        if not self.opened < now <= self.closes:
            self.turn(now)
        return self.bucket

    def wake(self, own: Any, occurred_at: Instant) -> Instant:
        """The next boundary that can be decided; of what is false, the first at which the event does not speak against it."""
        if own is None:
            return self.closes
        if own[VERDICT] is False and self.keeps_false:
            if occurred_at >= self.opened:
                return self.tells
            told = self.calendar.number(occurred_at) + 1 + self.keeps_false
            return self.calendar.start(max(told, self.bucket + 1))
        return self.calendar.start(own[NOT_BEFORE]) if own[NOT_BEFORE] > self.bucket + 1 else self.closes

    def may_differ(self, metrics: Metrics, own: Any) -> bool:
        """What is false stays so where too little was heard."""
        return own is None or own[VERDICT] is not False or self.could_hold(metrics.get(self.key))

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`current`, `baseline` (the kept one) and the shift as a share."""
        if own is None or own[CURRENT] is None or own[BASELINE] is None:
            return {}
        current, baseline = own[CURRENT], own[BASELINE]
        return {**self.shown(current, baseline), "current": round(current, 6), "baseline": round(baseline, 6)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """Current against baseline, the shift and what is asked for, as decided at the last boundary."""
        decided: Decided = own
        if decided[NOT_BEFORE] > decided[BUCKET]:
            since, first = view.heard_since(self.filter), self.calendar.start(decided[NOT_BEFORE])
            needed = span(self.form.over + self.form.baseline)
            return Said(f"heard since only {moment(since)}, and {needed} are needed: it can be said from {moment(first)} on")
        current, baseline = decided[CURRENT], decided[BASELINE]
        over, measure = span(self.form.over), self.form.measure
        if current is None or baseline is None:
            which = f"the last {over}" if current is None else f"the {span(self.form.baseline)} before the last {over}"
            return Said(f"no number at {measure.path} in any {events(self.form)} of {which}")
        kept = " (kept since it became true)" if decided[KEPT] is not None else ""
        measured = f"{amount(measure, current, self.form)} in the {over} before {moment(self.calendar.start(decided[BUCKET]))}"
        against = f"against {number(baseline)} per {over} in the {span(self.form.baseline)} before{kept}"
        return Said(f"{measured} {against}: {self.says_shift(current, baseline)}")

    def fell_because(self, own: Any) -> str:
        """`expired` when a baseline that had been kept too long was given up."""
        return "expired" if own is not None and own[EXPIRED] else "cleared"

    # ------------------------------------------------------------------ deciding

    def _first_known(self, view: View, bucket: int) -> int:
        """The first bucket from `bucket` on whose windows begin no earlier than we listened."""
        since = view.heard_since(self.filter)
        if bucket == self.bucket and self._reaches_to >= since:
            return bucket
        return first_whole(self.calendar, since, bucket, self.reach)

    def _decide(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Decided:
        kept, kept_since = (own[KEPT], own[KEPT_SINCE]) if own is not None else (None, None)
        first = self._first_known(view, bucket)
        if first > bucket:
            return [bucket, None, None, None, kept, kept_since, False, first]
        boundary = self.calendar.start(bucket)
        overdue = kept_since is not None and boundary - kept_since > KEPT_FOR
        current = self.metric.over(memory, bucket - self.width, bucket)
        baseline = kept if kept is not None and not overdue else self._baseline(memory, bucket)
        if current is None or baseline is None:
            return [bucket, None, current, baseline, kept, kept_since, False, 0]
        if not self.holds(current, baseline):
            return [bucket, False, current, baseline, None, None, overdue, 0]
        since = kept_since if kept_since is not None and not overdue else boundary
        return [bucket, True, current, baseline, baseline, since, False, 0]

    def _baseline(self, memory: list[Any] | None, bucket: int) -> float | None:
        """The mean over the blocks; for `min max avg last` over those that have a value."""
        end = bucket - self.width
        if self._adds_up:
            return (self.metric.over(memory, end - self.width * self.blocks, end) or 0) / self.blocks
        found = [self.metric.over(memory, end - self.width * (n + 1), end - self.width * n) for n in reversed(range(self.blocks))]
        values = [value for value in found if value is not None]
        return sum(values) / len(values) if values else None

    def _look_ahead(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Instant | None:
        """The first boundary at which the decision would differ if nothing more came."""
        verdict, kept_since = own[VERDICT], own[KEPT_SINCE]
        for later in range(bucket + 1, bucket + self.reach + 1):
            decided = self._decide(memory, own, view, later)
            # A baseline that begins anew is kept from that boundary on, so it has to be decided there.
            if decided[VERDICT] is not verdict or decided[KEPT_SINCE] != kept_since:
                return self.calendar.start(later)
        if own[KEPT_SINCE] is None:
            return None
        # Nothing more will be heard, but the baseline is given up in the end, unless there is no current value to compare with.
        given_up = self.calendar.number(own[KEPT_SINCE] + KEPT_FOR) + 1
        return self.calendar.start(given_up) if given_up > bucket else None
