"""Peers' totals at work: closing days, hearing of the days that other partitions closed, waiting for those that are missing."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import peer_store, store
from services.rules.batch import Fenced
from services.rules.partitions import Owned
from services.rules.rows import Rows
from shared.db.database import reading
from shared.instants import HOUR, SECOND, Instant
from shared.log.contract import Entry
from shared.records import Tick, encode

# How long a partition waits for the others' totals by the worker's clock, before it goes on without them.
PATIENCE = 6 * HOUR
# How long it waits in a replayed log for a partition that may be still at work, before it is told what time it is.
_REPLAY_PATIENCE = SECOND

_TICK = encode(Tick())


async def close_days(database: AsyncEngine, owned: Owned) -> None:
    """Store this partition's part of the days that are over for it, and that nothing more can be added to.

    Raises Fenced, and what the database raises.
    """
    # Nothing can be added before the next record but by a deadline.
    over = max(owned.at, owned.pending[0].at) if owned.pending else owned.at
    parts = [] if owned.catalog.warming else owned.peers.close(over, owned.earliest)
    if not parts:
        return
    rows = Rows(replay=False)
    rows.add_peers(parts)
    async with database.begin() as connection:
        if await store.advance(connection, [store.Advance(owned.partition, owned.epoch, owned.next_offset, owned.at)]):
            raise Fenced([owned])
        await store.write(connection, rows)
        for key in {part.peers for part in parts}:
            await peer_store.forget(connection, owned.partition, key, owned.peers.oldest(key))


async def hear_days(database: AsyncEngine, owned: Owned, partitions: int) -> None:
    """Learn what all partitions have closed. Raises what the database raises."""
    owned.peers.lacking.clear()
    for key, first in owned.peers.missing():
        async with reading(database) as connection:
            parts = await peer_store.closed_parts(connection, key, first)
        owned.peers.hear(key, first, parts, partitions, owned.at, owned.engine.totals)


def wait(owned: Owned, now: Instant, replay: bool) -> list[Entry]:
    """What a partition that is held does as time passes. The answer is to be appended to the log.

    In a replayed log nobody ticks. But a partition that has a record of a later time shows that the whole log has come to it: the
    others may be told so.
    """
    if not owned.held:
        owned.held_since = None
        return []
    if owned.held_since is None:
        owned.held_since = now
    waited = now - owned.held_since
    if replay and waited >= _REPLAY_PATIENCE:
        owned.held_since = now
        at = owned.pending[-1].at
        return [Entry("", _TICK, partition, at) for partition in owned.peers.lacking if partition != owned.partition]
    if not replay and waited >= PATIENCE:
        owned.held_since = None
        owned.peers.give_up()
    return []
