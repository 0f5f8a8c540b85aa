"""Reads topic `notifications` into the database, where what has to be fetched waits for its turn."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.fetching import store
from shared.clock import Clock
from shared.db.dead_letters import bury
from shared.db.topic_consumer import TopicConsumer
from shared.instants import Instant
from shared.log.contract import Log, Record
from shared.records import decode_notification
from shared.telemetry import log_for
from shared.topics import NOTIFICATIONS

GROUP = "ingest"
# PostgreSQL's indexes take texts up to 2,700 bytes.
MAX_NAME = 600

logger = log_for("ingest")


class Consumer(TopicConsumer):
    """A member of group `ingest`. `wake` is set when there is something new to fetch."""

    def __init__(self, database: AsyncEngine, log: Log, clock: Clock, wake: asyncio.Event) -> None:
        super().__init__(database, log, clock, NOTIFICATIONS, GROUP)
        self._wake = wake

    def stored(self) -> None:
        """Whoever fetches looks at once."""
        self._wake.set()

    async def store(self, connection: AsyncConnection, records: Sequence[Record], now: Instant) -> None:
        """Keep what can be read; the rest becomes dead letters."""
        rows = []
        for record in records:
            try:
                rows.append(_row(record))
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
                origin = f"{NOTIFICATIONS}/{record.partition}/{record.offset}"
                await bury(connection, "record", origin, origin=origin, reason=str(error), value=record.value, now=now)
                logger.error("record buried", origin=origin)
        await store.keep(connection, rows)


def _row(record: Record) -> dict[str, Any]:
    told = decode_notification(record.value)
    for name in (told.source, told.id, told.thing):
        if len(name) > MAX_NAME or "\0" in name:
            raise ValueError(f"an id of {len(name)} characters, which cannot be looked up")
    return {
        "source": told.source,
        "id": told.id,
        "thing": told.thing,
        "partition": record.partition,
        "position": record.offset,
        "record": record.value,
        "state": "waiting",
        "due_at": record.at,
        "created_at": record.at,
    }
