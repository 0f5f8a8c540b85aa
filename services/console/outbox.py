"""Records that the console decided: stored with the decision, appended to the log after the commit, again after a crash."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

import msgspec
import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.away import DATABASE_AWAY
from shared.db.tables import outbox
from shared.instants import Instant
from shared.log.contract import Entry, Log, LogUnavailable
from shared.records import EventsRecord, encode
from shared.topics import EVENTS

OWNER = "console"
RETRY_SECONDS = 2.0

_logger = structlog.get_logger()


async def keep(connection: AsyncConnection, key: str, record: EventsRecord, at: Instant | None = None) -> None:
    """Store one record for topic `events`, in the transaction that decided it."""
    await _keep(connection, [Entry(key, encode(record), at=at)])


async def keep_for_all(connection: AsyncConnection, partitions: int, record: EventsRecord, at: Instant | None = None) -> None:
    """Store one record for every partition of topic `events`."""
    value = encode(record)
    await _keep(connection, [Entry("", value, partition, at) for partition in range(partitions)])


async def keep_as_read(connection: AsyncConnection, topic: str, partition: int, key: str, value: bytes) -> None:
    """Store bytes that were a record once, for the partition that they were read from."""
    await _keep(connection, [Entry(key, value, partition)], topic)


async def _keep(connection: AsyncConnection, entries: Sequence[Entry], topic: str = EVENTS) -> None:
    rows = [{"owner": OWNER, "topic": topic, **msgspec.structs.asdict(entry)} for entry in entries]
    await connection.execute(insert(outbox), rows)


class Publisher:
    """Appends what is kept, in the order in which it was kept. A record may be appended twice, which its readers bear."""

    def __init__(self, database: AsyncEngine, log: Log) -> None:
        self._database = database
        self._log = log
        self._turn = asyncio.Lock()

    async def publish(self) -> bool:
        """Append everything that is kept. False: the log is away, and it stays kept."""
        async with self._turn:
            try:
                await self._publish()
            except LogUnavailable as error:
                _logger.warning("outbox.kept", owner=OWNER, reason=str(error))
                return False
        return True

    async def _publish(self) -> None:
        # The rows stay locked while they are appended, so that two consoles do not append them in different orders.
        async with self._database.begin() as connection:
            asked = select(outbox).where(outbox.c.owner == OWNER).order_by(outbox.c.id).with_for_update()
            rows = (await connection.execute(asked)).all()
            for topic, of_topic in groupby(rows, key=lambda row: str(row.topic)):
                await self._log.append(topic, [Entry(row.key, row.value, row.partition, row.at) for row in of_topic])
            if rows:
                await connection.execute(delete(outbox).where(outbox.c.id.in_([row.id for row in rows])))

    async def run(self, stop: asyncio.Event) -> None:
        """Append what a crash or an absent log left, until told to stop."""
        while not stop.is_set():
            try:
                await self.publish()
            except DATABASE_AWAY as error:
                _logger.warning("outbox.unread", owner=OWNER, error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
