"""The last `over` against the average per `over` in the `baseline` before it: what `drop` and `rise` share.

Both are decided at first sight and at each bucket boundary `b`, on complete buckets, and kept until the next boundary. While the
verdict is true its baseline stays the one at which it became true, so that an account does not recover by our getting used to it.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import msgspec
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.calendar import open_bucket
from services.rules.core.condition import Leaf, Setting, Verdict, View
from services.rules.core.fields import Duration, EventFilter, Measure, MeasureField, Share
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.windows import bucket_calendar, bucket_count, whole_buckets
from shared.instants import DAY, Instant
from shared.records import JsonObject

# A kept baseline is given up at the first boundary later than this after it was fixed.
KEPT_FOR = 90 * DAY
_HAS_NO_VALUE_WHEN_EMPTY = ("min", "max", "avg", "last")


class Shift(EventFilter):
    """The YAML that drop and rise have in common."""

    impulse: ClassVar[bool] = False
    measure: MeasureField = Measure()
    over: Duration
    baseline: Duration
    by: Share
    floor: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        whole_buckets(self.over)
        if self.baseline % self.over:
            raise PydanticCustomError("baseline", "the baseline is a whole multiple of over")
        return self


class Decided(msgspec.Struct, array_like=True):
    """What was decided at the boundary of bucket `bucket`; `kept` and `kept_since` while the verdict is true."""

    bucket: int
    verdict: Verdict
    current: float | None
    baseline: float | None
    kept: float | None = None
    kept_since: Instant | None = None
    expired: bool = False
    # Unknown before this bucket, whatever is heard.
    not_before: int = 0


class ShiftLeaf(Leaf):
    """Decides at boundaries. Own memory: `Decided`, as a list."""

    at_boundaries = True

    def __init__(self, form: Shift, setting: Setting) -> None:
        self.filter: EventFilter = form
        self.form = form
        self.calendar = bucket_calendar(form.over, setting.days)
        self.width = bucket_count(form.over)
        self.blocks = form.baseline // form.over
        self.reach = self.width * (self.blocks + 1)
        self.metric = Buckets(self.filter, form.measure, self.calendar, setting.days, self.reach)
        self.metrics = (self.metric,)
        self._partial = form.measure.kind in _HAS_NO_VALUE_WHEN_EMPTY

    def holds(self, current: float, baseline: float) -> bool:
        """Whether current against baseline is the shift that is asked for."""
        raise NotImplementedError

    def shown(self, current: float, baseline: float) -> JsonObject:
        """The shift as evidence."""
        raise NotImplementedError

    def could_hold(self, memory: list[Any] | None) -> bool:
        """False where no later boundary can be true without another event: spares the look ahead."""
        return True

    # ------------------------------------------------------------------ the contract

    def verdict(self, heard: Sequence[Any], own: Any, view: View, now: Instant) -> Verdict:
        """As decided at the newest boundary before `now`."""
        bucket = open_bucket(self.calendar, now)
        if own is not None and own[0] == bucket:
            return own[1]  # type: ignore[no-any-return]
        return self._decide(heard[0], own, view, bucket).verdict

    def decided(self, heard: Sequence[Any], own: Any, verdict: Verdict, view: View, now: Instant) -> Any:
        """Keep the decision until the next boundary."""
        bucket = open_bucket(self.calendar, now)
        if own is not None and own[0] == bucket:
            return own
        return msgspec.to_builtins(self._decide(heard[0], own, view, bucket))

    def next_change(self, heard: Sequence[Any], own: Any, view: View, now: Instant) -> Instant | None:
        """The first boundary at which the decision would differ. After a bucket with events simply the next: more will follow."""
        bucket = open_bucket(self.calendar, now)
        first = self._first_known(view, bucket + 1)
        memory = heard[0]
        if first > bucket + 1 or (memory is not None and memory[0] + len(memory) - 2 >= bucket - 1):
            return self.calendar.start(first)
        if own is None:
            return self.calendar.start(first)
        if own[1] is False and not self.could_hold(memory):
            return None
        return self._look_ahead(memory, own, view, bucket)

    def wake(self, own: Any, now: Instant) -> Instant:
        """The next boundary that can be decided."""
        bucket = open_bucket(self.calendar, now) + 1
        return self.calendar.start(bucket if own is None or own[7] <= bucket else own[7])

    def evidence(self, heard: Sequence[Any], own: Any, view: View, now: Instant) -> JsonObject:
        """`current`, `baseline` (the kept one) and the shift as a share."""
        if own is None or own[2] is None or own[3] is None:
            return {}
        _, _, current, baseline, *_ = own
        return {**self.shown(current, baseline), "current": round(current, 6), "baseline": round(baseline, 6)}

    def fell_because(self, own: Any) -> str:
        """`expired` when a baseline that had been kept too long was given up."""
        return "expired" if own is not None and own[6] else "cleared"

    # ------------------------------------------------------------------ deciding

    def _first_known(self, view: View, bucket: int) -> int:
        """The first bucket from `bucket` on whose windows begin no earlier than we listened."""
        heard_since = view.heard_since(self.filter)
        if self.calendar.start(bucket - self.reach) >= heard_since:
            return bucket
        began = self.calendar.number(heard_since)
        if self.calendar.start(began) < heard_since:
            began += 1
        return max(bucket, began + self.reach)

    def _decide(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Decided:
        kept, kept_since = (own[4], own[5]) if own is not None else (None, None)
        boundary = self.calendar.start(bucket)
        first = self._first_known(view, bucket)
        if first > bucket:
            return Decided(bucket, None, None, None, kept, kept_since, not_before=first)
        current = self._current(memory, bucket)
        overdue = kept_since is not None and boundary - kept_since > KEPT_FOR
        baseline = kept if kept is not None and not overdue else self._baseline(memory, bucket)
        if current is None or baseline is None:
            return Decided(bucket, None, current, baseline, kept, kept_since)
        if not self.holds(current, baseline):
            return Decided(bucket, False, current, baseline, expired=overdue)
        since = kept_since if kept_since is not None and not overdue else boundary
        return Decided(bucket, True, current, baseline, baseline, since)

    def _current(self, memory: list[Any] | None, bucket: int) -> float | None:
        return self.metric.over(memory, bucket - self.width, bucket)

    def _baseline(self, memory: list[Any] | None, bucket: int) -> float | None:
        """The mean over the blocks; for `min max avg last` over those that have a value."""
        end = bucket - self.width
        if self.form.measure.kind in ("count", "sum"):
            return (self.metric.over(memory, end - self.width * self.blocks, end) or 0) / self.blocks
        found = [self.metric.over(memory, end - self.width * (n + 1), end - self.width * n) for n in reversed(range(self.blocks))]
        values = [value for value in found if value is not None]
        return sum(values) / len(values) if values else None

    def _look_ahead(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Instant | None:
        verdict = own[1]
        for later in range(bucket + 1, bucket + self.reach + 1):
            if self._decide(memory, own, view, later).verdict is not verdict:
                return self.calendar.start(later)
        if verdict and own[5] is not None:
            # Nothing more will be heard, but the baseline is given up in the end.
            return self.calendar.start(self.calendar.number(own[5] + KEPT_FOR) + 1)
        return None
