"""Waiting until the system has done everything that the log asked of it so far."""

import asyncio
from contextlib import suppress

from sqlalchemy import and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.parts import Parts
from shared.db.database import reading
from shared.db.tables import delivery, outbox, partition, subject
from shared.log.contract import Log
from shared.topics import ALL, EVENTS

POLL_SECONDS = 0.1
GIVEN_UP_AFTER_SECONDS = 120.0


async def wait_until_caught_up(parts: Parts, stop: asyncio.Event) -> bool:
    """Wait until records, deadlines that have passed and deliveries that are due are all taken. False: not in good time."""
    ends = {topic: await _ends(parts.log, topic) for topic in ALL}
    with suppress(TimeoutError):
        async with asyncio.timeout(GIVEN_UP_AFTER_SECONDS):
            while not stop.is_set():
                async with reading(parts.database) as connection:
                    done = await _taken(connection, ends) and not await _pending(connection, parts.clock())
                now = {topic: await _ends(parts.log, topic) for topic in ALL} if done else ends
                if done and now == ends:
                    return True
                ends = now
                await asyncio.sleep(POLL_SECONDS)
    return False


async def _taken(connection: AsyncConnection, ends: dict[str, dict[int, int]]) -> bool:
    rows = await connection.execute(select(partition.c.topic, partition.c.partition, partition.c.next_offset))
    reached = {(topic, number): offset for topic, number, offset in rows}
    return all(reached.get((topic, number), 0) >= end for topic, each in ends.items() for number, end in each.items())


async def _pending(connection: AsyncConnection, now: int) -> bool:
    place = and_(partition.c.topic == EVENTS, partition.c.partition == subject.c.partition)
    overdue = select(subject.c.partition).join(partition, place).where(subject.c.next_deadline < partition.c.at)
    sending = select(delivery.c.delivery_id).where(delivery.c.state.in_(("waiting", "leased")), delivery.c.due_at <= now)
    for query in (overdue, sending, select(outbox.c.id)):
        if (await connection.execute(select(exists(query)))).scalar_one():
            return True
    return False


async def _ends(log: Log, topic: str) -> dict[int, int]:
    async def anywhere(partitions: frozenset[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 0)

    async def nothing(_: frozenset[int]) -> None:
        return

    async with log.subscribe(topic, "up", anywhere, nothing) as subscription:
        ends: dict[int, int] = {}
        while not ends:
            await subscription.poll(1, 0.01)
            ends = await subscription.end_offsets()
    return ends
