"""Deadlines: which subjects' time has passed, and when the log must be told that time goes on. Nothing sweeps over accounts."""

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.rules import store
from services.rules.heard import Poison
from services.rules.partitions import Owned
from services.rules.rows import Rows
from services.rules.work import Work
from shared.instants import SECOND, Instant

# A log that counts in whole milliseconds would not pass a deadline of less than one ago.
_PASSED_FOR_CERTAIN = 2_000


async def add_due(
    connection: AsyncConnection, works: dict[str, Work], owned: Owned, until: Instant, limit: int
) -> Instant | None:
    """Let a batch at whose end the partition's time is `until` take the deadlines before it, at most `limit`, the earliest first.

    The answer is the earliest stored deadline that stays.
    """
    for work in works.values():
        if work.owned is owned:
            work.until = until
    if owned.earliest is None or owned.earliest >= until:
        return owned.earliest
    found, stays = await store.due_subjects(connection, owned.partition, until, limit)
    for account_id, key in found:
        work = works.setdefault(account_id, Work(owned, account_id, until=until))
        work.subjects.add(key)
    return stays


async def give_up_deadlines(database: AsyncEngine, work: Work, reason: str) -> None:
    """Let go of deadlines whose outcome the database refuses even alone: a dead letter says so."""
    owned, rows = work.owned, Rows(replay=False)
    where = f"events/{owned.partition}/{owned.next_offset}/{work.account_id}/{work.until}"
    rows.add_dead_letter(Poison(where, reason, b"", owned.at))
    async with database.begin() as connection:
        if not await store.advance(connection, [store.Advance(owned.partition, owned.epoch, owned.next_offset, owned.at)]):
            await store.write(connection, rows)
            await store.clear_deadlines(connection, work.account_id, list(work.subjects))


def needs_tick(owned: Owned, now: Instant) -> bool:
    """Whether only a tick can move time past a deadline that the worker's clock has passed: at most one is under way."""
    awaits = owned.awaits
    if owned.pending or awaits is None or awaits + _PASSED_FOR_CERTAIN >= now or owned.has_due:
        return False
    return owned.ticked_at is None or owned.ticked_at + SECOND <= now or owned.ticked_for != awaits
