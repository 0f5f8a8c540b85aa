"""What became of the goals of a play's runs, by arm: of those held out it is what happens without the play.

Counted are the runs that could be watched to their end, `opened_at` + `within` being before the account's: of those that opened
later only the quick ones would be known.
"""

from collections.abc import Iterable, Sequence

import msgspec

from services.rules.backtest.replay import PastRun
from shared.instants import Instant, Microseconds


class GoalTally(msgspec.Struct):
    """One account, one play, one arm: runs that were watched to their end, and those of them that reached the goal."""

    watched: int = 0
    reached: int = 0


Goals = dict[str, GoalTally]


def count_goals(runs: Iterable[PastRun], end: Instant, within: Microseconds) -> Goals:
    """The runs of one account, whose time ends at `end`, by arm."""
    found: Goals = {}
    for run in runs:
        if run.opened.opened_at + within <= end:
            tally = found.setdefault(run.opened.arm, GoalTally())
            tally.watched += 1
            tally.reached += run.goal == "reached"
    return found


def arms_of(tallies: Sequence[Goals]) -> list[str]:
    """Every arm that a run was in."""
    return sorted({arm for goals in tallies for arm in goals})
