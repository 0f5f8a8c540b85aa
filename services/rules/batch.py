"""One batch from records to a commit: load what it needs, have the engine decide, store everything in one transaction.

    ask ─► decide ─► commit
                     ask ─► decide ─► commit

The next batch asks while the one before it is being committed; then it waits for that.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.rules import activation, peer_store, store
from services.rules.aliases import Identity, needed_by
from services.rules.catalog import Catalog, Plays, encode_catalog
from services.rules.due import add_due
from services.rules.heard import Poison
from services.rules.loading import load
from services.rules.partitions import Owned
from services.rules.peer_store import Part
from services.rules.reading import Begin, Slice, origin
from services.rules.repeated import set_repeated_aside
from services.rules.rows import Rows
from services.rules.storing import Storing
from services.rules.work import Work, do, do_carefully
from shared.db.database import reading
from shared.event_names import is_one_of
from shared.instants import Instant


class Fenced(Exception):
    """Other workers have taken these partitions: nothing of the batch was stored."""

    def __init__(self, lost: list[Owned]) -> None:
        self.lost = lost
        self.partitions = [owned.partition for owned in lost]
        super().__init__(f"partitions {self.partitions} have been taken by another worker")


class Batch:
    """Records of some partitions, or none, and the accounts on which there is something to do.

    With `due`, so many deadlines of each partition that its time has passed by the batch's end are taken, too.
    """

    def __init__(self, owned: Collection[Owned], parts: list[Slice], works: dict[str, Work], replay: bool, due: int = 0) -> None:
        self.parts = parts
        self._works = works
        self.rows = Rows(replay)
        self._ends = {part.owned: (part.next_offset, part.at) for part in parts}
        self._owned = sorted(owned, key=lambda one: one.partition)
        self._catalogs: dict[Owned, tuple[Catalog, Plays]] = {}
        self._due = due
        # Of partitions whose deadlines were looked up: the earliest of those that stay.
        self._stay: dict[Owned, Instant | None] = {}
        # The earliest deadline that was decided.
        self._earliest: dict[Owned, Instant] = {}
        # Peers who are compared from now on.
        self._begun: list[Part] = []
        self._known: dict[bytes, set[int]] = {}
        # By their fingerprints: the events that were heard, by month, and those of them that are new, once it is decided.
        self._names = _names_of(works.values())
        self.taken: frozenset[bytes] = frozenset()
        # Its transaction, once it has begun.
        self._storing: Storing | None = None
        self._identity = Identity({}, [], [], self.rows)

    @property
    def duplicates(self) -> int:
        """How many events were repeats."""
        return sum(work.duplicates for work in self._works.values())

    def set_catalog(self, owned: Owned, catalog: Catalog) -> None:
        """Go on with this catalog, for the same plays, after the commit."""
        self._catalogs[owned] = (catalog, owned.engine)

    @property
    def owned(self) -> list[Owned]:
        """Its partitions."""
        return self._owned

    @property
    def changes_plays(self) -> bool:
        """Whether what comes after it is for other plays."""
        return any(part.control is not None for part in self.parts)

    def end_of(self, owned: Owned) -> Begin:
        """Where the partition goes on after it."""
        return Begin(*self._ends.get(owned, (owned.next_offset, owned.at)))

    def fits(self, owned: Mapping[int, Owned]) -> bool:
        """Whether its records are still the next ones of partitions that are still ours."""
        return all(
            owned.get(part.owned.partition) is part.owned and part.began.next_offset == part.owned.next_offset
            for part in self.parts
        )

    async def run(self, database: AsyncEngine) -> None:
        """Do it all. When this raises, nothing is stored, or it is not known; then the partitions must be put back.

        Raises Fenced, and what the database raises.
        """
        await self.ask(database)
        await self.decide(database)
        await self.commit(database)

    async def ask(self, database: AsyncEngine, before: "Batch | None" = None) -> None:
        """Learn which of its events are known: stored, or about to be by the batch before it, which is decided."""
        names = self._names
        if names:
            async with reading(database) as connection:
                for month, named in await store.known_events(connection, names):
                    self._known.setdefault(named, set()).add(month)
        asked = {fingerprint for _, fingerprint in chain.from_iterable(names.values())}
        if before is not None and not asked.isdisjoint(before.taken):
            # Whether the look-up saw that commit or not.
            for one in chain.from_iterable(work.taken for work in before.works):
                if one.fingerprint in asked:
                    self._known.setdefault(one.fingerprint, set()).add(one.month)

    @property
    def works(self) -> Collection[Work]:
        """What is done with each account."""
        return self._works.values()

    async def decide(self, database: AsyncEngine) -> None:
        """Have the engine decide. The batch before it is stored, and nothing of this one yet."""
        async with reading(database) as connection:
            for owned in self._owned if self._due else ():
                self._stay[owned] = await add_due(connection, self._works, owned, self.end_of(owned).at, self._due)
            await load(connection, self.works)
            await self._identify(connection)
        await asyncio.to_thread(self._sift)
        if self.rows.events:
            self._storing = Storing(database, self._store_events)
        try:
            await asyncio.to_thread(do, self.works)
            await self._carefully(database)
            if any(work.effects.opened for work in self.works):
                async with reading(database) as connection:
                    await set_repeated_aside(connection, self.works)
            await asyncio.to_thread(self._collect, self._identity)
        except BaseException:
            await self._store_nothing()
            raise

    async def commit(self, database: AsyncEngine) -> None:
        """Store what was decided, in one transaction; then the partitions go on after it."""
        appended = [owned for owned in self._owned if owned.outbox_appended]
        storing = self._storing or Storing(database, self._store_events)
        await storing.end(lambda connection: self._store_decided(connection, appended))
        for owned in appended:
            owned.outbox_appended = False
        self._keep()

    async def _identify(self, connection: AsyncConnection) -> None:
        needed = needed_by(self.parts)
        if needed.meant:
            meanings = await store.find_meanings(connection, list(needed.meant))
            waiting = await store.find_waiting(connection, list(needed.released))
            self._identity = Identity(meanings, waiting, await store.find_trails(connection, needed.trails), self.rows)

    def _sift(self) -> None:
        for work in self._works.values():
            work.sift(self._known)
            self.rows.add_events(work.fresh)

    async def _carefully(self, database: AsyncEngine) -> None:
        broken = [work for work in self._works.values() if work.broken is not None]
        if not broken:
            return
        # Of their events not all may be stored.
        await self._store_nothing()
        for work in broken:
            work.owned.accounts.forget([work.account_id])
            work.again()
        async with reading(database) as connection:
            await load(connection, broken)
        await asyncio.to_thread(_all_carefully, broken)
        self.rows.events.clear()
        for work in self._works.values():
            self.rows.add_events(work.taken)

    async def _store_nothing(self) -> None:
        if self._storing is not None:
            await self._storing.give_up()
            self._storing = None

    def _collect(self, identity: Identity) -> None:
        for part in self.parts:
            identity.take(part)
            for poison in part.poison:
                self.rows.add_dead_letter(poison)
            if part.owned.engine.watched:
                self._note_heard(part)
            self._change_plays(part)
        for work in self._works.values():
            self._collect_work(work)
            work.owned.peers.add(work.effects.peers)
        self.taken = frozenset(one.fingerprint for work in self._works.values() for one in work.taken)
        for owned in self._owned:
            self.rows.add_peers(owned.peers.changed())

    def _note_heard(self, part: Slice) -> None:
        """When events that a guard asks for last came; a repeat shows as well that the pipe is whole."""
        last = {one.event.name: one.at for one in part.heard if not one.event.imported}
        watched = part.owned.engine.watched
        self.rows.heard += [(name, part.owned.partition, at) for name, at in last.items() if is_one_of(name, watched)]

    def _collect_work(self, work: Work) -> None:
        owned, rows = work.owned, self.rows
        for poison in work.given_up:
            rows.add_dead_letter(poison)
        if work.effects:
            rows.add_effects(work.effects, owned.owner)
            for play in work.effects.already:
                rows.already[owned.partition, play] += 1
        # An account all of whose events were given up was never there.
        if work.loaded is not None and (work.taken or not work.loaded.new):
            earliest = rows.add_account(work.loaded, owned.partition)
            if earliest is not None:
                self._earliest[owned] = min(earliest, self._earliest.get(owned, earliest))

    def _change_plays(self, part: Slice) -> None:
        if part.control is None:
            return
        owned, offset = part.owned, part.next_offset - 1
        catalog = owned.catalog.after(part.control, offset, part.at)
        try:
            engine = owned.engine_of(catalog)
            self._catalogs[owned] = (catalog, engine)
            begun = owned.peers.begun(engine.peers, catalog.at)
            self._begun += begun
            self.rows.add_peers(begun)
        except Exception as error:  # noqa: BLE001 - plays that the engine cannot take must not stop the partition
            reason = f"these plays cannot be used: {type(error).__name__}: {error}"
            self.rows.add_dead_letter(Poison(origin(owned.partition, offset), reason, part.control_value, part.at))

    async def _store_events(self, connection: AsyncConnection) -> None:
        lost = await store.advance(connection, [self._advance(owned) for owned in self._owned])
        if lost:
            raise Fenced([owned for owned in self._owned if owned.partition in lost])
        await store.add_events(connection, self.rows)

    async def _store_decided(self, connection: AsyncConnection, appended: Collection[Owned]) -> None:
        for part in self._begun:
            await peer_store.forget_all(connection, part.partition, part.peers)
        # Before new rows of theirs are put there.
        await store.empty_outboxes(connection, [owned.owner for owned in appended])
        await store.write(connection, self.rows)
        for owned, (catalog, _) in self._catalogs.items():
            await store.keep_plays(connection, owned.partition, encode_catalog(catalog))
            await activation.follow(connection, owned.partition, owned.catalog, catalog)
        await activation.count(connection, self.rows.already)

    def _advance(self, owned: Owned) -> store.Advance:
        return store.Advance(owned.partition, owned.epoch, *self.end_of(owned))

    def _keep(self) -> None:
        used: dict[Owned, list[str]] = {}
        for work in self._works.values():
            if work.loaded is not None and (work.taken or not work.loaded.new):
                work.owned.accounts.add(work.loaded)
                used.setdefault(work.owned, []).append(work.account_id)
        for owned, account_ids in used.items():
            owned.accounts.saved(account_ids)
        for owned, (catalog, engine) in self._catalogs.items():
            owned.change_plays(catalog, engine)
        for owned in self._owned:
            owned.moved(*self.end_of(owned))
            if owned in self._stay:
                owned.earliest = self._stay[owned]
            owned.expect_deadline(self._earliest.get(owned))


def _names_of(works: Iterable[Work]) -> dict[int, list[store.Name]]:
    # By account, so that those that lie together are looked for together.
    names: dict[int, list[store.Name]] = defaultdict(list)
    for work in works:
        for one in work.heard:
            names[one.month].append((work.account_id, one.fingerprint))
    return names


def _all_carefully(works: Iterable[Work]) -> None:
    for work in works:
        do_carefully(work)
