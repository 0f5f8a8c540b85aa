"""Appending to the log what a commit decided: after the commit, and again after a crash. Consumers drop what they have."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import store
from shared.db.database import reading
from shared.log.contract import Entry, Log

_AT_ONCE = 2_000


async def publish(database: AsyncEngine, log: Log, owner: str) -> int:
    """Append everything that waits for this owner, in order, then delete it. The answer is how many records that were.

    Raises LogUnavailable: what was not appended for certain stays.
    """
    appended = 0
    while True:
        async with reading(database) as connection:
            rows = await store.outbox_rows(connection, owner, _AT_ONCE)
        if not rows:
            return appended
        entries: dict[str, list[Entry]] = {}
        for _, topic, key, partition, value, at in rows:
            entries.setdefault(topic, []).append(Entry(key, bytes(value), partition, at))
        for topic, some in entries.items():
            await log.append(topic, some)
        async with database.begin() as connection:
            await store.outbox_appended(connection, owner, rows[-1][0])
        appended += len(rows)
