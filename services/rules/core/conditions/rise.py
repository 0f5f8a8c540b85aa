"""True while a measure over the last `over` is well above its own average in the `baseline` before.

    when:
      rise:
        of: ticket.created
        over: 7d
        baseline: 28d
        by: 100%
        floor: 5          # fewer than this in the last `over` is no rise

A baseline of nothing is an infinite rise (shown as null); a current of nothing is none.
"""

from services.rules.core.bounds import at_least
from services.rules.core.condition import Combine, Leaf, Setting, single
from services.rules.core.explaining.words import number, percent
from services.rules.core.peers.adjusted import AdjustedShift
from services.rules.core.shift import Shift, ShiftLeaf
from shared.records import JsonObject


class Rise(Shift):
    """The filter, the measure, the windows, by how much, and the floor of the current."""

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(RiseLeaf(self, setting) if self.adjust is None else AdjustedRise(self, setting), leaves)


class RiseLeaf(ShiftLeaf):
    """(current - baseline) / baseline, at least `by`, where current is at least `floor`."""

    def too_small(self, current: float, baseline: float) -> bool:
        """Under the floor, or of nothing, is no rise."""
        return current <= 0 or not at_least(current, self.form.floor)

    def shifted(self, current: float, baseline: float) -> bool:
        """By the share of the baseline; from nothing every rise is infinite."""
        return baseline <= 0 or at_least((current - baseline) / baseline, self.form.by)

    def shown(self, current: float, baseline: float) -> JsonObject:
        """`rise`, as a share of the baseline; null where the baseline is nothing."""
        return {"rise": round((current - baseline) / baseline, 6) if baseline else None}

    def says_shift(self, current: float, baseline: float) -> str:
        """The rise, or why there is none to speak of."""
        if current <= 0:
            return "nothing that could have risen"
        if not at_least(current, self.form.floor):
            return f"too little to judge, a floor of {number(self.form.floor)} is asked for"
        change = (current - baseline) / baseline if baseline > 0 else None
        rose = "a rise from nothing" if change is None else f"a rise of {percent(change)}" if change > 0 else "no rise"
        return f"{rose}; {percent(self.form.by)} is asked for"


class AdjustedRise(AdjustedShift, RiseLeaf):
    """The same beyond what peers did."""
