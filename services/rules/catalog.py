"""The plays of one partition, as of its offset: which set was applied, what is paused, how far accounts were brought to it.

It is kept in `partition.plays` as JSON and written in the same transaction as the offset, so that a worker that takes the
partition over goes on with exactly the plays that the records before its offset made active.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec

from services.rules.core.effects import Effects
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.peers.totals import Totals
from services.rules.core.routes import Touch
from services.rules.core.state import Account
from shared.instants import Instant
from shared.records import Applied, Event, Paused, Resumed

Control = Applied | Paused | Resumed


class Plays(Protocol):
    """The engine, as the shell sees it: `services.rules.core.engine.Engine`, or a small one in a test.

    `peers` are those whose totals it needs, `totals` what is known of them.
    """

    peers: dict[str, PeerGroup]
    totals: Totals

    @property
    def watched(self) -> Collection[str]:
        """Patterns of event names of which it is kept when they last came."""
        ...

    def touches(self, event: Event) -> Touch:
        """Which subjects must be loaded (where they exist) before `take`."""
        ...

    def take(self, account: Account, event: Event, effects: Effects, at: Instant | None = None) -> None:
        """Take one event at `at`, by default when it was received; the deadlines of its subjects before it are taken first."""
        ...

    def pass_time(self, account: Account, until: Instant, effects: Effects) -> None:
        """Take all deadlines earlier than `until` of the account's loaded subjects."""
        ...

    def warm_names(self, before: Applied) -> Collection[str] | None:
        """The event names that new memory needs from history, given the set applied before; None: every name."""
        ...

    def warm(self, account: Account, history: Sequence[Event], at: Instant, effects: Effects) -> None:
        """Bring a wholly loaded account that is older than the set of plays to it, as of `at`, the time of its record."""
        ...


MakeEngine = Callable[[Applied, frozenset[str]], Plays]


class Catalog(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which plays are active in a partition. `offset` and `at` are those of the Applied record; -1 before the first."""

    applied: Applied = msgspec.field(default_factory=lambda: Applied(plays=[]))
    offset: int = -1
    at: Instant = 0
    paused: frozenset[str] = frozenset()
    # While accounts are being brought to the set: the one before it, and the last account that the pass has done.
    before: Applied | None = None
    cursor: str = ""

    @property
    def warming(self) -> bool:
        """Whether some accounts of the partition may not have been brought to the plays yet."""
        return self.before is not None

    def after(self, record: Control, offset: int, at: Instant) -> "Catalog":
        """The catalog from this record on. The same set applied once more changes nothing, nor does one from before it."""
        if isinstance(record, Paused):
            return msgspec.structs.replace(self, paused=self.paused | {record.play})
        if isinstance(record, Resumed):
            return msgspec.structs.replace(self, paused=self.paused - {record.play})
        if record == self.applied or record.workspace < self.applied.workspace:
            return self
        names = {play.play for play in record.plays}
        renamed = {play.was: play.play for play in record.plays if play.was and play.was not in names}
        paused = frozenset(renamed.get(name, name) for name in self.paused) & names
        return Catalog(applied=record, offset=offset, at=at, paused=paused, before=self.applied)

    def warmed_to(self, cursor: str) -> "Catalog":
        """The catalog after the pass has done the accounts up to `cursor`."""
        return msgspec.structs.replace(self, cursor=cursor)

    def warmed(self) -> "Catalog":
        """The catalog after the pass has done every account."""
        return msgspec.structs.replace(self, before=None, cursor="")


def encode_catalog(catalog: Catalog) -> str:
    """As it is kept in `partition.plays`."""
    return msgspec.json.encode(catalog).decode()


decode_catalog: Callable[[str], Catalog] = msgspec.json.Decoder(Catalog).decode
