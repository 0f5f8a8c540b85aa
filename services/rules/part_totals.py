"""One partition's part of its peers' totals, and how far it may go before it must know everybody's.

A verdict at midnight `b` needs the days that closed by `b - 1d`, from all partitions. So the time of a partition goes no
further than the first `b` for which a day is missing, until the others have closed theirs: what is decided depends on what the
log holds alone, not on who is faster. The parts are exchanged through the database, in which each is stored together with the
state it was made from.
"""

from collections.abc import Iterable, Mapping

from services.rules.core.calendar import open_bucket
from services.rules.core.effects import PeerChange
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.peers.totals import Groups, PeerDays, Totals, summed
from services.rules.peer_store import Part
from shared.instants import Instant

# Days that are kept beyond those a verdict looks back to.
_SPARE = 3


class PartTotals:
    """The open days of a partition, by the key of the peers; `heard` is the last day that all partitions have closed."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.peers: Mapping[str, PeerGroup] = {}
        self.days: dict[str, PeerDays] = {}
        self.heard: dict[str, int] = {}
        # The time of the partition goes no further; None without peers.
        self.gate: Instant | None = None
        # The partitions whose days are missing.
        self.lacking: set[int] = set()
        # The day before the first that was counted.
        self._began: dict[str, int] = {}
        self._changed: set[tuple[str, int]] = set()

    # ------------------------------------------------------------------ plays

    def use(self, peers: Mapping[str, PeerGroup], at: Instant) -> None:
        """Go on with these peers; those that are new begin on the day that is open at `at`."""
        for part in self.begun(peers, at):
            self.days[part.peers] = PeerDays(peers[part.peers].calendar, part.day)
            self._began[part.peers] = part.day
        self.peers = peers
        self.days = {key: self.days[key] for key in peers}
        # What all have closed is asked for anew: a new engine knows nothing yet.
        self.heard = {key: self._began[key] for key in peers}
        self._set_gate()

    def begun(self, peers: Mapping[str, PeerGroup], at: Instant) -> list[Part]:
        """What is to be stored of the peers that are new among these."""
        new = [group for key, group in peers.items() if key not in self.days]
        return [Part(group.key, self.partition, open_bucket(group.calendar, at) - 1, True, None) for group in new]

    def restore(self, peers: Mapping[str, PeerGroup], at: Instant, parts: Iterable[Part]) -> None:
        """Be what is stored; parts come in the order of their days."""
        self.days, self._began, self._changed = {}, {}, set()
        for part in parts:
            if part.peers not in peers:
                continue
            self._began.setdefault(part.peers, part.day)
            days = self.days.setdefault(part.peers, PeerDays(peers[part.peers].calendar, part.day))
            if part.closed:
                days.closed = part.day
                days.members = {group: members for group, (members, _) in (part.groups or {}).items()}
            else:
                days.open[part.day] = dict(part.groups or {})
        self.use(peers, at)

    def oldest(self, key: str) -> int:
        """The first day of these peers that may still be asked for, by any partition."""
        return self.heard[key] - self.peers[key].keep - _SPARE

    # ------------------------------------------------------------------ days

    def add(self, changes: Iterable[PeerChange]) -> None:
        """Take what accounts added."""
        for change in changes:
            if change.key in self.days:
                self.days[change.key].add(change)
                self._changed.add((change.key, change.day))

    def changed(self) -> list[Part]:
        """The open days that are to be stored: those to which something was added since this was asked last."""
        parts = [Part(key, self.partition, day, False, self.days[key].open[day]) for key, day in sorted(self._changed)]
        self._changed.clear()
        return parts

    @property
    def closes_at(self) -> Instant | None:
        """The end of the first open day."""
        return min((days.closes_at for days in self.days.values()), default=None)

    def close(self, over: Instant, earliest: Instant | None) -> list[Part]:
        """Close the days that end before `over`, up to where all records are taken, and before the `earliest` deadline."""
        parts = []
        for key, days in self.days.items():
            closed = []
            while days.closes_at < over and (earliest is None or days.closes_at < earliest):
                groups = days.close()
                closed.append(Part(key, self.partition, days.closed, True, groups))
            parts += [part for part in closed if part.groups or part is closed[-1]]
        return parts

    # ------------------------------------------------------------------ the others

    def missing(self) -> list[tuple[str, int]]:
        """The peers of whom all partitions may have closed days by now, each with the first day to ask for."""
        return [(key, self.heard[key] + 1) for key, days in self.days.items() if self.heard[key] < days.closed]

    def hear(self, key: str, first: int, parts: Iterable[Part], partitions: int, at: Instant, totals: Totals) -> None:
        """Take the parts of all partitions from day `first` on: what every one of `partitions` has closed is known."""
        by_day: dict[int, list[Groups]] = {}
        began: dict[int, int] = {}
        last = dict.fromkeys(range(partitions), first - 1)
        for part in parts:
            last[part.partition] = max(part.day, last[part.partition])
            if part.groups is None:
                began[part.partition] = part.day
            else:
                by_day.setdefault(part.day, []).append(part.groups)
        reached = min(last.values())
        counted = max(began.values()) + 1 if len(began) == partitions else reached + 1
        for day, groups in by_day.items():
            if counted <= day <= reached:
                totals.put(key, day, summed(groups))
        self.lacking |= {partition for partition, day in last.items() if day < self.days[key].closed}
        # Time that has passed already has done so with what was known then.
        self.heard[key] = max(reached, open_bucket(self.days[key].calendar, at) - 2)
        totals.forget(key, self.oldest(key))
        self._set_gate()

    def give_up(self) -> None:
        """Go on for a day without what is missing: verdicts that need it are unknown."""
        for key, heard in self.heard.items():
            if self.peers[key].calendar.start(heard + 3) == self.gate:
                self.heard[key] = heard + 1
        self._set_gate()

    def _set_gate(self) -> None:
        starts = [self.peers[key].calendar.start(heard + 3) for key, heard in self.heard.items()]
        self.gate = min(starts, default=None)
