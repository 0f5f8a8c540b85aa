"""A drop or rise of an account beyond what its peers did: `adjust: peers`, or `adjust: {peers: account.plan}`.

The account's current is held against its baseline times (peers' current / peers' baseline, at most 1), all of them on complete
days up to one day before the boundary, whose totals are known by then. What is kept while it is true is the account's own
baseline; the peers are asked again at every boundary. The floor is asked of the account's own numbers. Peers who did nothing
in the baseline adjust nothing.
"""

from typing import Any

from services.rules.core.condition import Metrics, Setting, View
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import amount, moment, number, percent, span
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.peers.membership import ALL, PeerGroup
from services.rules.core.shift import (
    BASELINE,
    BUCKET,
    CURRENT,
    KEPT,
    KEPT_FOR,
    KEPT_SINCE,
    NOT_BEFORE,
    VERDICT,
    Decided,
    Shift,
    ShiftLeaf,
)
from shared.instants import Instant
from shared.records import JsonObject

# Beside what other shifts remember: the ratio by which the baseline was adjusted.
RATIO = 8


class AdjustedShift(ShiftLeaf):
    """Put before a kind of shift: it decides one day later, with the peers in view."""

    def __init__(self, form: Shift, setting: Setting) -> None:
        super().__init__(form, setting)
        self.reach += 1
        self.metric = Buckets(form, form.measure, self.calendar, setting.days, self.reach)
        self.metrics = (self.metric,)
        self.key = self.metric.key
        path = ALL if form.adjust is None else form.adjust.peers
        self.peers: PeerGroup = PeerGroup(path, setting.audience, self.metric, self.reach, setting.totals)
        self.paths = self.peers.paths

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The next boundary; none where there is nothing left to compare."""
        if own[NOT_BEFORE] or not self.may_differ(metrics, own):
            return super().next_change(metrics, own, view, now)
        memory = metrics.get(self.key)
        bucket = own[BUCKET]
        if own[VERDICT] is False and (memory is None or memory[0] + len(memory) - 2 < bucket - self.reach):
            return None
        return self.peers.next_look(bucket)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """As of the shift, against the adjusted baseline; `peers` is the ratio."""
        if own is None or own[CURRENT] is None or own[BASELINE] is None or own[RATIO] is None:
            return {}
        current, baseline, ratio = own[CURRENT], own[BASELINE], own[RATIO]
        numbers = {"current": current, "baseline": baseline, "peers": ratio}
        return {**self.shown(current, baseline * ratio), **{name: round(number, 6) for name, number in numbers.items()}}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """As of the shift, with what peers did; or that this is not known."""
        decided: Decided = own
        if decided[NOT_BEFORE] > decided[BUCKET]:
            return super().says(metrics, own, view, now)
        if decided[RATIO] is None:
            return Said("what peers did is not known", tuple(self.paths) if self.peers.name_in(view.context) is None else ())
        current, baseline, ratio = decided[CURRENT], decided[BASELINE], decided[RATIO]
        over, until = span(self.form.over), moment(self.calendar.start(decided[BUCKET] - 1))
        measured = f"{amount(self.form.measure, current, self.form)} in the {over} before {until}"
        against = f"against {number(baseline)} per {over} before, of which peers kept {percent(ratio)}"
        if self.too_small(current, baseline):
            return Said(f"{measured} {against}: {self.says_shift(current, baseline)}")
        return Said(f"{measured} {against}: {number(baseline * ratio)}; {percent(self.form.by)} is asked for")

    def _decide(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Decided:
        kept, kept_since = (own[KEPT], own[KEPT_SINCE]) if own is not None else (None, None)
        first = self._first_known(view, bucket)
        if first > bucket:
            return [bucket, None, None, None, kept, kept_since, False, first, None]
        boundary = self.calendar.start(bucket)
        overdue = kept_since is not None and boundary - kept_since > KEPT_FOR
        current = self.metric.over(memory, bucket - 1 - self.width, bucket - 1) or 0
        baseline = kept if kept is not None and not overdue else self._baseline(memory, bucket - 1) or 0
        ratio = self._ratio(view, bucket - 1)
        if self.too_small(current, baseline):
            return [bucket, False, current, baseline, None, None, overdue, 0, ratio]
        if ratio is None:
            return [bucket, None, current, baseline, kept, kept_since, False, 0, None]
        if not self.shifted(current, baseline * ratio):
            return [bucket, False, current, baseline, None, None, overdue, 0, ratio]
        since = kept_since if kept_since is not None and not overdue else boundary
        return [bucket, True, current, baseline, baseline, since, False, 0, ratio]

    def _ratio(self, view: View, end: int) -> float | None:
        """The peers' current against their baseline, at most 1; None while a day of theirs is not known."""
        group = self.peers.name_in(view.context)
        if group is None:
            return None
        begin = end - self.width
        current = self.peers.average(group, begin, end)
        baseline = self.peers.average(group, begin - self.width * self.blocks, begin)
        if current is None or baseline is None:
            return None
        return min(1.0, current / (baseline / self.blocks)) if baseline > 0 else 1.0
