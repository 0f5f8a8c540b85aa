"""Appending to the log what a commit decided: after the commit, and again after a crash. Consumers drop what they have.

What a commit has just put into the outbox is appended as it is in memory, and deleted by the next commit; what a life before this
one left there, or a failure, is read from there.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import store
from services.rules.partitions import Owned
from services.rules.rows import Rows
from shared.db.database import reading
from shared.log.contract import Entry, Log

_AT_ONCE = 2_000


async def publish_decided(log: Log, partitions: Iterable[Owned], rows: Rows) -> None:
    """Append what a commit of these partitions has just put into the outbox, in order.

    Raises LogUnavailable: it is in the outbox.
    """
    # Where something waits already, that comes first.
    fresh = {owned.owner: owned for owned in partitions if owned.owner in rows.owners and not owned.outbox_waiting}
    if not fresh:
        return
    for owned in fresh.values():
        owned.outbox_waiting = True
    entries: dict[str, list[Entry]] = {}
    for owner, topic, key, value, at in rows.outbox:
        if owner in fresh:
            entries.setdefault(topic, []).append(Entry(key, value, None, at))
    for topic, some in entries.items():
        await log.append(topic, some)
    for owned in fresh.values():
        owned.outbox_waiting, owned.outbox_appended = False, True


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
