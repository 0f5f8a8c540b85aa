"""What waits to be fetched, in the database, as verbs. Every function works inside the caller's transaction; none commits."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import case, delete, exists, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.dead_letters import bury, kept
from shared.db.notification_table import notification
from shared.instants import Instant
from shared.topics import NOTIFICATIONS

_mine = notification.c


class Leased(NamedTuple):
    """A notification that this process may fetch until its lease ends. `attempt` fences its end."""

    source: str
    id: str
    attempt: int
    failures: int
    # As it is in the log.
    record: bytes
    # Where it is there: `notifications/PARTITION/OFFSET`.
    origin: str
    created_at: Instant


class Backlog(NamedTuple):
    """What waits of one source."""

    waiting: int
    failing: int
    oldest: Instant


async def keep(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Keep what has to be fetched; what waits already stays as it is."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    if rows:
        await connection.execute(insert(notification).on_conflict_do_nothing(), rows)


async def find_due(connection: AsyncConnection, source: str, now: Instant, limit: int) -> list[str]:
    """The ids of a source's notifications whose turn it is, the longest due first: of each thing only its first."""
    earlier = notification.alias()
    is_behind = exists(
        select(literal(1)).where(
            earlier.c.source == _mine.source, earlier.c.thing == _mine.thing, earlier.c.position < _mine.position
        )
    )
    found = await connection.execute(
        select(_mine.id)
        .where(_mine.source == source, _mine.due_at <= now, _mine.state != "leased", ~is_behind)
        .order_by(_mine.due_at, _mine.position)
        .limit(limit)
    )
    return [row[0] for row in found]


async def lease(connection: AsyncConnection, source: str, ids: Sequence[str], now: Instant, until: Instant) -> list[Leased]:
    """Take those that are still free, each for one try more."""
    # Plus 0, as SQLite would else go over all that is due instead of looking the ids up.
    still_due = _mine.due_at + 0 <= now
    free = (
        select(_mine.id)
        .where(_mine.source == source, _mine.id.in_(ids), _mine.state != "leased", still_due)
        .with_for_update(skip_locked=True)
    )
    taken = await connection.execute(
        update(notification)
        .where(_mine.source == source, _mine.id.in_(free.scalar_subquery()))
        .values(state="leased", attempt=_mine.attempt + 1, leased_until=until)
        .returning(notification)
    )
    return [
        Leased(
            row.source,
            row.id,
            row.attempt,
            row.failures,
            bytes(row.record),
            f"{NOTIFICATIONS}/{row.partition}/{row.position}",
            row.created_at,
        )
        for row in taken
    ]


async def rescue(connection: AsyncConnection, now: Instant) -> int:
    """Free those whose process has let its lease run out, which is a failed try; how many."""
    found = await connection.execute(
        update(notification)
        .where(_mine.leased_until < now)
        .values(state="waiting", due_at=now, leased_until=None, failures=_mine.failures + 1)
    )
    return found.rowcount


async def any_lost(connection: AsyncConnection, now: Instant) -> bool:
    """Whether there is anything to rescue."""
    lost = select(literal(1)).where(_mine.leased_until < now).limit(1)
    return (await connection.execute(lost)).first() is not None


async def done(connection: AsyncConnection, leased: Leased) -> bool:
    """Its events are in the log. False: the lease is another's by now."""
    return (await connection.execute(delete(notification).where(*_held(leased)))).rowcount == 1


async def put_off(
    connection: AsyncConnection, leased: Leased, state: str, due_at: Instant, failures: int, reason: str | None
) -> bool:
    """It is tried again at `due_at`. False: the lease is another's by now."""
    values = {"state": state, "due_at": due_at, "failures": failures, "reason": kept(reason), "leased_until": None}
    return (await connection.execute(update(notification).where(*_held(leased)).values(**values))).rowcount == 1


async def give_up(connection: AsyncConnection, leased: Leased, reason: str, now: Instant) -> bool:
    """It becomes a dead letter, which goes back to the end of its partition when it is redriven. False: the lease is gone."""
    if not await done(connection, leased):
        return False
    said = f"{leased.source}: {reason}"
    await bury(connection, "notification", leased.origin, origin=leased.origin, reason=said, value=leased.record, now=now)
    return True


async def let_in(connection: AsyncConnection, source: str, now: Instant) -> int:
    """Make due what the vendor refused; how many."""
    found = await connection.execute(
        update(notification).where(_mine.source == source, _mine.state == "refused").values(state="waiting", due_at=now)
    )
    return found.rowcount


async def backlogs(connection: AsyncConnection) -> dict[str, Backlog]:
    """What waits, by source."""
    failing = func.sum(case((_mine.failures > 0, 1), else_=0))
    found = await connection.execute(
        select(_mine.source, func.count(), failing, func.min(_mine.created_at)).group_by(_mine.source)
    )
    return {row[0]: Backlog(int(row[1]), int(row[2]), int(row[3])) for row in found}


def _held(leased: Leased) -> tuple[Any, ...]:
    return (_mine.source == leased.source, _mine.id == leased.id, _mine.attempt == leased.attempt, _mine.state == "leased")
