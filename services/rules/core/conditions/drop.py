"""True while a measure over the last `over` is well below its own average in the `baseline` before.

    when:
      drop:
        of: report.exported
        over: 7d
        baseline: 28d
        by: 40%
        floor: 20         # accounts whose average is lower than this are too small to judge
        adjust: peers     # optional: beyond what the audience's accounts did, or {peers: account.plan}

Decided at each bucket boundary; while it is true the baseline stays the one at which it became true, for up to 90 days.
"""

from typing import Any

from services.rules.core.bounds import at_least, lowest
from services.rules.core.condition import Combine, Leaf, Setting, View, single
from services.rules.core.explaining.words import number, percent
from services.rules.core.peers.adjusted import AdjustedShift
from services.rules.core.shift import VERDICT, Shift, ShiftLeaf
from shared.instants import Instant
from shared.records import JsonObject


class Drop(Shift):
    """The filter, the measure, the windows, by how much, and the floor of the baseline."""

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(DropLeaf(self, setting) if self.adjust is None else AdjustedDrop(self, setting), leaves)


class DropLeaf(ShiftLeaf):
    """(baseline - current) / baseline, at least `by`, where the baseline is at least `floor`.

    A count that is heard raises the current while its bucket is among the last `over`, and the baseline only after that. So most
    midnights of an account that has not dropped are no deadline: it is looked at when it would have dropped if nothing more came.
    """

    def __init__(self, form: Shift, setting: Setting) -> None:
        super().__init__(form, setting)
        self._least_baseline, self._least_drop = lowest(form.floor), lowest(form.by)
        counts = form.measure.kind == "count"
        self.keeps_false = self.width if counts and form.adjust is None else 0
        if counts and form.floor:
            # Spread over the blocks, what is kept in all is the highest baseline that can come. Rather one too few than too many.
            self.enough = max(1, int(min(form.floor * self.blocks * (1 - 2e-9), 2.0**62)) - 1)

    def too_small(self, current: float, baseline: float) -> bool:
        """A baseline under the floor, or of nothing, is no drop."""
        return baseline <= 0 or not at_least(baseline, self.form.floor)

    def shifted(self, current: float, baseline: float) -> bool:
        """By the share of the baseline; from nothing there is no drop."""
        return baseline > 0 and at_least((baseline - current) / baseline, self.form.by)

    def holds(self, current: float, baseline: float) -> bool:
        """Both at once: asked at every boundary, and for those ahead."""
        return 0 < baseline >= self._least_baseline and (baseline - current) / baseline >= self._least_drop

    def shown(self, current: float, baseline: float) -> JsonObject:
        """`drop`, as a share of the baseline; null where there is none."""
        return {"drop": round((baseline - current) / baseline, 6) if baseline else None}

    def says_shift(self, current: float, baseline: float) -> str:
        """The drop, or why there is none to speak of."""
        if baseline <= 0:
            return "nothing that could fall"
        if not at_least(baseline, self.form.floor):
            return f"too little to judge, a floor of {number(self.form.floor)} is asked for"
        change = (baseline - current) / baseline
        fell = f"a drop of {percent(change)}" if change > 0 else "no drop"
        return f"{fell}; {percent(self.form.by)} is asked for"

    def could_hold(self, memory: list[Any] | None) -> bool:
        """Of counts: whether enough is kept in all."""
        return not self.enough or (memory is not None and sum(memory) - memory[0] >= self.enough)

    def _look_ahead(self, memory: list[Any] | None, own: Any, view: View, bucket: int) -> Instant | None:
        """Of counts that are false: sums alone, and only up to where the current is nothing; from there on the baseline falls."""
        if memory is None or not self.keeps_false or own[VERDICT] is not False:
            return super()._look_ahead(memory, own, view, bucket)
        if self._first_known(view, bucket + 1) > bucket + 1:
            return self.calendar.start(bucket + 1)
        width, reach, blocks = self.width, self.reach, self.blocks
        place = bucket + 2 - memory[0]  # of the bucket that opens at the next boundary
        if len(memory) > place:
            return self.calendar.start(bucket + 1)  # an event at that very instant is heard already
        if place <= reach or place > len(memory):
            cells = [0] * (reach + 1 - place) + memory[1:] + [0] * (place - len(memory))
            memory, place = [bucket, *cells[-reach:]], reach + 1
        current, before = sum(memory[place - width : place]), sum(memory[place - reach : place - width])
        for later in range(width + 1):
            if current * blocks <= before and self.holds(current, before / blocks):
                return self.calendar.start(bucket + 1 + later)
            leaves = memory[place - width + later] if later < width else 0
            current -= leaves
            before += leaves - memory[place - reach + later]
        return None


class AdjustedDrop(AdjustedShift, DropLeaf):
    """The same beyond what peers did."""
