"""The rules worker's loop: records, deadlines, accounts to bring to the plays, the outbox, ticks.

    poll ─► read ─► load ─► decide ─► one transaction ─► outbox ─► log

One round does a little of each, so that none waits for long behind another. What fails is put back to what is stored and done
again from there: never skipped, never done twice.
"""

import asyncio
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import store
from services.rules.batch import Batch, Fenced
from services.rules.catalog import MakeEngine
from services.rules.core.engine import Engine
from services.rules.due import give_up_deadlines, needs_tick
from services.rules.failures import DATABASE_ERRORS, refuses_rows
from services.rules.metrics import RulesMetrics
from services.rules.next_batch import Taken, batch_of, next_records
from services.rules.outbox import publish, publish_decided
from services.rules.partitions import Owned
from services.rules.peers import close_days, hear_days, wait
from services.rules.reading import Slice
from services.rules.telling import tell
from services.rules.warm_up import next_to_warm
from shared.clock import Clock
from shared.instants import SECOND
from shared.log.contract import Entry, Log, LogUnavailable, Subscription
from shared.records import Tick, encode
from shared.telemetry import log_for
from shared.topics import EVENTS

GROUP = "rules"
_log = log_for("rules")


@dataclass(frozen=True)
class Bounds:
    """How much at once. Times are seconds."""

    # A backlog is taken in large batches: what a batch costs by itself, and by the account, is shared by more events.
    records: int = 20_000
    due: int = 2_000
    warm: int = 200
    # Documents in memory for each partition.
    documents: int = 50_000
    poll: float = 0.2
    pause: float = 0.25
    longest_pause: float = 5.0
    # How often a record at which we fail is tried alone before it becomes a dead letter.
    tries: int = 3
    # After this long without the log a new subscription is made, since a consumer can be stuck for ever.
    without_log: float = 30.0


class Worker:
    """One member of the group `rules`: it takes the partitions that the log assigns to it."""

    def __init__(
        self,
        database: AsyncEngine,
        log: Log,
        clock: Clock,
        stop: asyncio.Event,
        metrics: RulesMetrics | None = None,
        make_engine: MakeEngine = Engine,
        bounds: Bounds = Bounds(),
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._stop = stop
        self._metrics = metrics or RulesMetrics()
        self._make_engine = make_engine
        self._bounds = bounds
        self._limit = bounds.records
        self._owned: dict[int, Owned] = {}
        self._failures = 0
        # Something in memory may not be what is stored.
        self._dirty = False
        self._polling: asyncio.Task[None] | None = None
        # The records that are being taken, to know them if that fails.
        self._taking: list[Taken] = []
        # The next batch, read while the last one was being stored.
        self._ahead: Batch | None = None
        self.healthy = False

    async def run(self) -> None:
        """Work until `stop` is set. Failures of the log and of the database are waited out."""
        while not self._stop.is_set():
            try:
                async with self._log.subscribe(EVENTS, GROUP, self._assigned, self._revoked) as subscription:
                    try:
                        await self._work(subscription)
                    finally:
                        await self._end_polling()
            except LogUnavailable as error:
                await self._pause("the log cannot be read", error)
            finally:
                self._owned.clear()

    async def _work(self, subscription: Subscription) -> None:
        answered = _now()
        while not self._stop.is_set():
            try:
                await self._round(subscription)
            except LogUnavailable as error:
                if _now() - answered > self._bounds.without_log:
                    raise
                await self._pause("the log is away", error)
            except Fenced as fenced:
                self._drop(fenced)
            except DATABASE_ERRORS as error:
                self._dirty = True
                await self._pause("the database is away", error)
            except Exception as error:  # noqa: BLE001 - a fault of our own must not stop the partitions for ever
                self._dirty = True
                self._narrow(error)
                await self._pause("a fault of our own", error)
            else:
                answered = _now()
                self._failures, self.healthy = 0, True

    async def _round(self, subscription: Subscription) -> None:
        if self._dirty:
            await self._put_back()
        await self._publish()
        await self._poll(subscription)
        await self._take_records()
        if self._dirty:
            return
        await self._compare()
        for owned in list(self._owned.values()):
            if owned.has_due and not self._dirty:
                await self._take_due(owned)
            if owned.catalog.warming and not self._dirty:
                await self._warm(owned)
        await self._publish()
        await self._tick(subscription)

    # ------------------------------------------------------------------ records

    async def _poll(self, subscription: Subscription) -> None:
        # While one batch is decided and stored, the next is read.
        busy = any((owned.pending and not owned.held) or owned.has_due or owned.catalog.warming for owned in self._owned.values())
        if self._polling is not None and (self._polling.done() or not busy):
            polling, self._polling = self._polling, None
            await polling
        # What is held waits for others: these must be read nevertheless.
        waiting = sum(len(owned.pending) for owned in self._owned.values() if not owned.held)
        # Of what waits, one batch may be being stored and one read.
        if self._polling is None and waiting <= 2 * self._bounds.records:
            self._polling = asyncio.create_task(self._read_ahead(subscription))

    async def _read_ahead(self, subscription: Subscription) -> None:
        for partition, records in (await subscription.poll(self._bounds.records, self._bounds.poll)).items():
            # At once, so that no change of owners comes between what was read and where it belongs.
            owned = self._owned.get(partition)
            if owned is not None:
                owned.pending.extend(records)

    async def _take_records(self) -> None:
        batch, self._ahead = self._ahead, None
        if batch is not None and batch.fits(self._owned):
            self._taking = [(part.owned, list(islice(part.owned.pending, part.count)), None) for part in batch.parts]
        else:
            self._taking = self._next_records(None)
            batch = await self._read_batch(self._taking, None)
        if batch is None:
            self._taking = []
            await self._empty_outboxes()
            return
        parts = batch.parts
        count = sum(part.count for part in parts)
        try:
            await self._take(batch)
        except DATABASE_ERRORS as error:
            if not refuses_rows(error):
                raise
            self._dirty = True
            if count == 1:
                # The database will not have it even alone: it becomes a dead letter.
                [part] = [part for part in parts if part.count]
                part.owned.refused[part.next_offset - 1] = f"the database refuses it: {error}"
            self._limit = max(1, count // 2)
        else:
            self._limit = min(self._bounds.records, self._limit * 2)
            self._count(batch, parts)
        self._taking = []

    def _narrow(self, error: Exception) -> None:
        """Come closer to the record at which we fail: take fewer, and give one up that fails alone time and again."""
        count = sum(len(records) for _, records, _ in self._taking)
        self._limit = max(1, min(self._limit, count // 2))
        if count == 1:
            [(owned, [record], _)] = self._taking
            owned.tries[record.offset] += 1
            if owned.tries[record.offset] >= self._bounds.tries:
                owned.refused[record.offset] = f"{type(error).__name__} {self._bounds.tries} times: {error}"
        self._taking = []

    async def _take(self, batch: Batch) -> None:
        """While it is stored and published, the next one is read: the database and Python work at the same time."""
        await batch.decide(self._database)
        if batch.changes_plays or self._compares:
            await self._store(batch)
            return
        reading = asyncio.create_task(self._read_batch(self._next_records(batch), batch))
        try:
            await self._store(batch)
        except BaseException:
            reading.cancel()
            raise
        finally:
            [found] = await asyncio.gather(reading, return_exceptions=True)
        # What fails here is read again for itself, and fails there.
        self._ahead = found if isinstance(found, Batch) else None

    async def _read_batch(self, found: list[Taken], after: Batch | None) -> Batch | None:
        # In trouble each is taken for itself, so that the cause is found; and a day of peers is closed between the two.
        calm = self._limit == self._bounds.records and not self._compares
        return await batch_of(self._database, found, after, self._log.replay, self._bounds.due if calm else 0)

    @property
    def _compares(self) -> bool:
        """Whether days of peers are closed, which goes step by step: what is next depends on other partitions."""
        return any(owned.peers.days for owned in self._owned.values())

    def _next_records(self, after: Batch | None) -> list[Taken]:
        return next_records(self._owned.values(), self._limit, after)

    async def _run(self, batch: Batch) -> None:
        await batch.decide(self._database)
        await self._store(batch)

    async def _store(self, batch: Batch) -> None:
        with self._metrics.batch_seconds.time():
            await batch.commit(self._database)
        self._metrics.decided(batch.rows)
        tell(batch.rows)
        await publish_decided(self._log, batch.owned, batch.rows)

    def _count(self, batch: Batch, parts: list[Slice]) -> None:
        self._metrics.events.inc(sum(len(part.heard) for part in parts))
        self._metrics.duplicates.inc(batch.duplicates)
        now = self._clock()
        for part in parts:
            part.owned.refused.pop(part.next_offset - 1, None)
            part.owned.tries.pop(part.next_offset - 1, None)
            self._metrics.behind.labels(part.owned.partition).set(max(0, now - part.at) / SECOND)

    async def _end_polling(self) -> None:
        if self._polling is not None:
            polling, self._polling = self._polling, None
            await asyncio.gather(polling, return_exceptions=True)

    # ------------------------------------------------------------------ time

    async def _take_due(self, owned: Owned) -> None:
        limit = min(self._bounds.due, self._limit)
        batch = Batch([owned], [], {}, self._log.replay, limit)
        try:
            await self._run(batch)
        except DATABASE_ERRORS as error:
            if not refuses_rows(error):
                raise
            self._dirty = True
            if limit == 1:
                for work in batch.works:
                    await give_up_deadlines(self._database, work, f"the database refuses it: {error}")
            self._limit = max(1, limit // 2)

    async def _compare(self) -> None:
        """Let the partitions know what the peers of their accounts did."""
        comparing = [owned for owned in self._owned.values() if owned.peers.days]
        if not comparing:
            return
        partitions = await self._log.partitions(EVENTS)
        for owned in comparing:
            await close_days(self._database, owned)
        for owned in comparing:
            await hear_days(self._database, owned, partitions)
        ticks = [entry for owned in comparing for entry in wait(owned, self._clock(), self._log.replay)]
        if ticks:
            await self._log.append(EVENTS, ticks)

    async def _warm(self, owned: Owned) -> None:
        works, catalog = await next_to_warm(self._database, owned, min(self._bounds.warm, self._limit))
        batch = Batch([owned], [], works, self._log.replay)
        batch.set_catalog(owned, catalog)
        try:
            await self._run(batch)
        except DATABASE_ERRORS as error:
            if not refuses_rows(error) or self._limit == 1:
                raise
            self._dirty = True
            self._limit = max(1, min(self._bounds.warm, self._limit) // 2)

    async def _tick(self, subscription: Subscription) -> None:
        now = self._clock()
        quiet = [owned for owned in self._owned.values() if needs_tick(owned, now)]
        if self._log.replay or not quiet:
            return
        ends = await subscription.end_offsets()
        caught_up = [owned for owned in quiet if owned.next_offset >= ends.get(owned.partition, owned.next_offset + 1)]
        for owned in caught_up:
            owned.ticked_at, owned.ticked_for = now, owned.awaits
        if caught_up:
            await self._log.append(EVENTS, [Entry("", _TICK, owned.partition) for owned in caught_up])

    # ------------------------------------------------------------------ the outbox

    async def _publish(self) -> None:
        for owned in list(self._owned.values()):
            if owned.outbox_waiting:
                await publish(self._database, self._log, owned.owner)
                owned.outbox_waiting = False

    async def _empty_outboxes(self) -> None:
        appended = [owned for owned in self._owned.values() if owned.outbox_appended]
        if appended:
            await self._run(Batch(appended, [], {}, self._log.replay))

    # ------------------------------------------------------------------ partitions

    async def _assigned(self, partitions: frozenset[int]) -> dict[int, int]:
        offsets: dict[int, int] = {}
        for partition in sorted(partitions):
            offsets[partition] = await self._take_over(partition)
        self._metrics.partitions.set(len(self._owned))
        return offsets

    async def _take_over(self, partition: int) -> int:
        while not self._stop.is_set():
            try:
                async with self._database.begin() as connection:
                    progress = await store.take_over(connection, partition)
            except DATABASE_ERRORS as error:
                await self._pause("the database is away", error)
            else:
                owned = Owned(partition, progress, self._make_engine, self._bounds.documents)
                self._owned[partition] = owned
                _log.info("partition taken", partition=partition, epoch=owned.epoch, next_offset=owned.next_offset)
                return owned.next_offset
        # Stopping: nothing will be read from it.
        return 0

    async def _revoked(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self._owned.pop(partition, None)
        self._metrics.partitions.set(len(self._owned))

    def _drop(self, fenced: Fenced) -> None:
        self._dirty = True
        for owned in fenced.lost:
            # It may have come back to us meanwhile, under a new epoch.
            if self._owned.get(owned.partition) is owned:
                del self._owned[owned.partition]
        _log.warning("partitions lost to another worker", partitions=fenced.partitions)

    async def _put_back(self) -> None:
        self._ahead = None
        for owned in list(self._owned.values()):
            async with self._database.begin() as connection:
                progress = await store.progress(connection, owned.partition, owned.epoch)
            if progress is not None:
                owned.put_back(progress)
            elif self._owned.get(owned.partition) is owned:
                del self._owned[owned.partition]
        self._dirty = False

    async def _pause(self, what: str, error: BaseException) -> None:
        self.healthy = False
        self._failures += 1
        self._metrics.failures.inc()
        seconds = min(self._bounds.longest_pause, self._bounds.pause * 2 ** (self._failures - 1))
        # Its first line: what follows is the statement.
        _log.warning(what, error=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}", again_after=seconds)
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return


_TICK = encode(Tick())


def _now() -> float:
    return asyncio.get_running_loop().time()
