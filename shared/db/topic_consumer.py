"""Reads a topic into the database: what records become is stored in one transaction with the offsets.

A batch is taken whole or not at all. A partition that another worker has taken since is fenced by its epoch: nothing of a batch
with it stands.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import Clock
from shared.db import partitions
from shared.db.away import DATABASE_AWAY
from shared.instants import Instant
from shared.log.contract import Log, LogUnavailable, Record
from shared.telemetry import log_for

MAX_RECORDS = 500
POLL_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class PartitionLost(Exception):
    """Another worker has taken a partition; nothing of the transaction may stand."""

    def __init__(self, topic: str, number: int) -> None:
        """The partition that was lost."""
        super().__init__(f"partition {number} of {topic} was taken by another worker")
        self.number = number


class TopicConsumer(ABC):
    """A member of a group that reads one topic."""

    def __init__(self, database: AsyncEngine, log: Log, clock: Clock, topic: str, group: str) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._topic = topic
        self._group = group
        self._logger = log_for(group)
        self._epochs: dict[int, int] = {}

    @abstractmethod
    async def store(self, connection: AsyncConnection, records: Sequence[Record], now: Instant) -> None:
        """Store what these records become, in this transaction; those of a partition are in their order."""

    @abstractmethod
    def stored(self) -> None:
        """The transaction was committed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. When the log or the database is away it begins again at the stored offsets."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                async with self._log.subscribe(self._topic, self._group, self._assigned, self._revoked) as subscription:
                    while not stop.is_set():
                        batch = await subscription.poll(MAX_RECORDS, POLL_SECONDS)
                        if batch:
                            await self.take(batch)
                        pause = FIRST_PAUSE
            except (LogUnavailable, *DATABASE_AWAY) as error:
                self._logger.warning("topic not read", topic=self._topic, error=type(error).__name__, again_in=pause)
                await _rest(stop, pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def take(self, batch: dict[int, list[Record]]) -> None:
        """Take a batch; partitions that turn out to be another worker's are left out."""
        while batch := {number: records for number, records in batch.items() if number in self._epochs and records}:
            try:
                async with self._database.begin() as connection:
                    await self._take(connection, batch)
            except PartitionLost as lost:
                self._epochs.pop(lost.number, None)
                self._logger.warning("partition lost", topic=self._topic, partition=lost.number)
                continue
            self.stored()
            return

    async def _take(self, connection: AsyncConnection, batch: dict[int, list[Record]]) -> None:
        for number in sorted(batch):
            last = batch[number][-1]
            offset = last.offset + 1
            epoch = self._epochs[number]
            if not await partitions.advance(connection, self._topic, number, epoch=epoch, next_offset=offset, at=last.at):
                raise PartitionLost(self._topic, number)
        await self.store(connection, [record for number in sorted(batch) for record in batch[number]], self._clock())

    async def _assigned(self, numbers: frozenset[int]) -> dict[int, int]:
        offsets = {}
        for number in sorted(numbers):
            async with self._database.begin() as connection:
                taken = await partitions.take(connection, self._topic, number)
            self._epochs[number] = taken.epoch
            offsets[number] = taken.next_offset
        return offsets

    async def _revoked(self, numbers: frozenset[int]) -> None:
        for number in numbers:
            self._epochs.pop(number, None)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
