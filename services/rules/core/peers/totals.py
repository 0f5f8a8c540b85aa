"""The totals of peers by days: those of one partition while a day is open, and those of all partitions once it is closed.

A day is closed at its end: an account that is a peer then is one of that day's, and adds what was heard of the day by then. So a
day's totals are a function of what was received in which order, and of nothing else.

    account ──► PeerChange ──► PeerDays (one partition) ──► Groups of a closed day ──► summed ──► Totals

Amounts are whole millionths, so that sums are the same in whatever order they are made.
"""

from collections.abc import Iterable

from services.rules.core.calendar import Calendar
from services.rules.core.effects import PeerChange
from shared.instants import Instant

# The totals of one day by the peers' value of the trait: how many they are, and what they did in all.
Groups = dict[str, tuple[int, int]]
MILLION = 1_000_000


class Totals:
    """The totals of closed days as far as they are known. The engine asks; whoever runs it fills them.

    `only_counting`: nobody will fill them, and verdicts are of no interest; then midnights cost nothing.
    """

    __slots__ = ("_days", "only_counting")

    def __init__(self) -> None:
        self.only_counting = False
        self._days: dict[str, dict[int, Groups]] = {}

    def put(self, key: str, day: int, groups: Groups) -> None:
        """Make a day of some peers known: their sums over all partitions."""
        self._days.setdefault(key, {})[day] = groups

    def knows(self, key: str, day: int) -> bool:
        """Whether the day is known."""
        return day in self._days.get(key, ())

    def forget(self, key: str, before: int) -> None:
        """Let go of the days before that one."""
        days = self._days.get(key, {})
        for day in [day for day in days if day < before]:
            del days[day]

    def average(self, key: str, group: str, first: int, end: int) -> float | None:
        """What a peer did on average on the days `first <= day < end`: the sum of the averages of each day.

        None where a day is not known, or had no peers.
        """
        days = self._days.get(key, {})
        average = 0.0
        for day in range(first, end):
            members, amount = days.get(day, {}).get(group, (0, 0))
            if members <= 0:
                return None
            average += amount / (members * MILLION)
        return average


class PeerDays:
    """One partition's part of the totals of some peers: the days that are still open, and how many peers it has.

    `closed` is the last day that is closed.
    """

    __slots__ = ("calendar", "closed", "members", "open")

    def __init__(self, calendar: Calendar, closed: int) -> None:
        self.calendar = calendar
        self.closed = closed
        self.members: dict[str, int] = {}
        # What was added on each day: peers more or fewer, and amounts.
        self.open: dict[int, Groups] = {}

    @property
    def closes_at(self) -> Instant:
        """The end of the first day that is open."""
        return self.calendar.start(self.closed + 2)

    def add(self, change: PeerChange) -> None:
        """Take what an account added."""
        groups = self.open.setdefault(change.day, {})
        members, amount = groups.get(change.group, (0, 0))
        groups[change.group] = (members + change.members, amount + change.amount)

    def close(self) -> Groups:
        """Close the first open day: nothing more may be added to it. The answer is its part of the totals."""
        self.closed += 1
        added = self.open.pop(self.closed, {})
        for group, (members, _) in added.items():
            self.members[group] = self.members.get(group, 0) + members
            if not self.members[group]:
                del self.members[group]
        return {group: (members, added.get(group, (0, 0))[1]) for group, members in self.members.items()}


def summed(parts: Iterable[Groups]) -> Groups:
    """The totals of one day from the parts of all partitions."""
    totals: Groups = {}
    for part in parts:
        for group, (members, amount) in part.items():
            before = totals.get(group, (0, 0))
            totals[group] = (before[0] + members, before[1] + amount)
    return totals
