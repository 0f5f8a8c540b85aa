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

from services.rules.core.bounds import at_least
from services.rules.core.condition import Combine, Leaf, Setting, single
from services.rules.core.explaining.words import number, percent
from services.rules.core.peers.adjusted import AdjustedShift
from services.rules.core.shift import Shift, ShiftLeaf
from shared.records import JsonObject


class Drop(Shift):
    """The filter, the measure, the windows, by how much, and the floor of the baseline."""

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(DropLeaf(self, setting) if self.adjust is None else AdjustedDrop(self, setting), leaves)


class DropLeaf(ShiftLeaf):
    """(baseline - current) / baseline, at least `by`, where the baseline is at least `floor`."""

    def too_small(self, current: float, baseline: float) -> bool:
        """A baseline under the floor, or of nothing, is no drop."""
        return baseline <= 0 or not at_least(baseline, self.form.floor)

    def shifted(self, current: float, baseline: float) -> bool:
        """By the share of the baseline; from nothing there is no drop."""
        return baseline > 0 and at_least((baseline - current) / baseline, self.form.by)

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
        """Of counts: what is kept in all, spread over the blocks, is the highest baseline that can come."""
        if self.form.measure.kind != "count" or not self.form.floor:
            return True
        return memory is not None and at_least((sum(memory) - memory[0]) / self.blocks, self.form.floor)


class AdjustedDrop(AdjustedShift, DropLeaf):
    """The same beyond what peers did."""
