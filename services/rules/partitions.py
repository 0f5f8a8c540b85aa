"""A partition of topic `events` while this worker owns it: how far it is, its plays, its accounts in memory, what is pending."""

from collections import Counter, deque
from collections.abc import Collection

from services.rules.accounts import Accounts
from services.rules.catalog import Catalog, MakeEngine, Plays, decode_catalog
from services.rules.part_totals import PartTotals
from services.rules.store import Progress
from shared.instants import Instant
from shared.log.contract import Record


class Owned:
    """One partition under one epoch. What is stored moves it on; when a transaction fails, it is put back to what is stored."""

    def __init__(self, partition: int, progress: Progress, make_engine: MakeEngine, documents: int) -> None:
        """Keep about `documents` documents in memory."""
        self.partition = partition
        self.epoch = progress.epoch
        self.owner = f"rules:{partition}"
        self.accounts = Accounts(documents)
        # Read from the log, and not stored yet.
        self.pending: deque[Record] = deque()
        # Whether something may be in the outbox that is not in the log.
        self.outbox_waiting = True
        # Everything in the outbox is in the log, and is to be deleted with the next commit.
        self.outbox_appended = False
        # Offsets of records that the database refuses even alone, and why.
        self.refused: dict[int, str] = {}
        # How often records were tried alone that make us fail, by offset.
        self.tries: Counter[int] = Counter()
        # The worker's clock when it last appended a tick.
        self.ticked_at: Instant | None = None
        # The deadline for which that was.
        self.ticked_for: Instant | None = None
        # What the partition's accounts add to the totals of their peers.
        self.peers = PartTotals(partition)
        # The worker's clock when it began to wait for the totals of other partitions.
        self.held_since: Instant | None = None
        self._make_engine = make_engine
        self.put_back(progress)

    def put_back(self, progress: Progress) -> None:
        """Be what is stored, and forget what is only in memory."""
        self.accounts.clear()
        self.next_offset = progress.next_offset
        self.at = progress.at
        # Never later than the earliest deadline of the partition's subjects; None when there is none.
        self.earliest = progress.earliest_deadline
        catalog = decode_catalog(progress.plays)
        engine = self.engine_of(catalog)
        self.peers.restore(engine.peers, catalog.at, progress.peers)
        self.use(catalog, engine)
        self.skip_stored()
        # Whether the failed transaction left something in it is not known.
        self.outbox_waiting, self.outbox_appended = True, False

    def engine_of(self, catalog: Catalog) -> Plays:
        """The engine of these plays. Raises whatever the engine raises for plays that it cannot take."""
        return self._make_engine(catalog.applied, catalog.paused)

    def use(self, catalog: Catalog, engine: Plays) -> None:
        """Go on with these plays."""
        self.catalog = catalog
        self.engine = engine
        self._warm_names: Collection[str] | None = None
        self._knows_warm_names = False

    def change_plays(self, catalog: Catalog, engine: Plays) -> None:
        """Go on with other plays, or with the same once their accounts were brought to them."""
        if engine is not self.engine:
            self.peers.use(engine.peers, catalog.at)
        self.use(catalog, engine)

    def warm_names(self) -> Collection[str] | None:
        """The event names that older accounts need from history; None: every name."""
        if not self._knows_warm_names and self.catalog.before is not None:
            self._warm_names = self.engine.warm_names(self.catalog.before)
            self._knows_warm_names = True
        return self._warm_names

    def moved(self, next_offset: int, at: Instant) -> None:
        """The records before `next_offset` are stored."""
        self.next_offset = next_offset
        self.at = at
        self.skip_stored()

    def skip_stored(self) -> None:
        """Let go of the records that are stored."""
        while self.pending and self.pending[0].offset < self.next_offset:
            self.pending.popleft()

    @property
    def has_due(self) -> bool:
        """Whether time has passed a deadline of the partition (as far as is known without asking)."""
        return self.earliest is not None and self.earliest < self.at

    @property
    def held(self) -> bool:
        """Whether its next record must wait for the totals of other partitions."""
        gate = self.peers.gate
        return gate is not None and bool(self.pending) and self.pending[0].at > gate and self.at >= gate

    @property
    def awaits(self) -> Instant | None:
        """The instant that time must pass for something to happen by itself: a deadline, or the end of a day of peers."""
        closes_at = self.peers.closes_at
        return closes_at if self.earliest is None else self.earliest if closes_at is None else min(self.earliest, closes_at)

    def expect_deadline(self, deadline: Instant | None) -> None:
        """A subject was stored with this deadline."""
        if deadline is not None and (self.earliest is None or deadline < self.earliest):
            self.earliest = deadline
