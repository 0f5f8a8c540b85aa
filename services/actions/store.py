"""What `actions` keeps in the database, as verbs. Every function works inside the caller's transaction; none commits.

Locks are always taken in the same order, a run's context before its deliveries, so that a run that resolves and a delivery that
finishes wait for each other and neither overlooks the other.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.actions.hold_store import not_muted
from shared.db.dead_letters import bury, kept
from shared.db.tables import attempt, dead_letter, delivery, destination_state, run_context, task
from shared.instants import Instant

_SERVER_ERROR = 500
# Not gone out, and not on its way.
PENDING = ("waiting", "held")


class Leased(NamedTuple):
    """A delivery that this worker may carry out until its lease ends, with its run."""

    delivery_id: str
    run_id: str
    step: str
    kind: str
    destination: str | None
    attempt: int
    reached_at: Instant
    # The run's RunOpened, encoded.
    record: bytes


class Resolution(NamedTuple):
    """How a run ended; both None while it is open."""

    resolved_at: Instant | None
    reason: str | None


class History(NamedTuple):
    """The earlier tries of a delivery since it was last redriven."""

    failures: int
    recorded: int
    first_at: Instant | None
    # Tries, at any time, of which the tool may have taken what was sent: no answer, or one that says nothing about it.
    unanswered: int


class Try(NamedTuple):
    """One try, for the record."""

    started_at: Instant
    finished_at: Instant
    outcome: str
    status: int | None
    reason: str | None
    response: str | None


# ------------------------------------------------------------------ runs


async def keep_runs(connection: AsyncConnection, contexts: list[dict[str, Any]], deliveries: list[dict[str, Any]]) -> None:
    """Keep opened runs and their first deliveries; those that are there already stay as they are."""
    for table, rows in ((run_context, contexts), (delivery, deliveries)):
        if rows:
            await connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


async def end_run(connection: AsyncConnection, run_id: str, at: Instant, reason: str) -> bytes | None:
    """Note that a run resolved. The record that opened it, or None when it is unknown here or had resolved before."""
    found = await connection.execute(
        update(run_context)
        .where(run_context.c.run_id == run_id, run_context.c.resolved_at.is_(None))
        .values(resolved_at=at, resolution=reason)
        .returning(run_context.c.record)
    )
    row = found.first()
    return None if row is None else bytes(row[0])


async def pending_steps(connection: AsyncConnection, run_id: str) -> list[tuple[str, str]]:
    """The deliveries of a run that have not gone out and are not on their way: (delivery_id, step)."""
    found = await connection.execute(
        select(delivery.c.delivery_id, delivery.c.step).where(delivery.c.run_id == run_id, delivery.c.state.in_(PENDING))
    )
    return [(row[0], row[1]) for row in found]


async def stop_delivery(connection: AsyncConnection, delivery_id: str, reason: str, now: Instant) -> None:
    """It will not go out any more. One that a worker has leased meanwhile is on its way: its end is written as it comes."""
    pending = and_(delivery.c.delivery_id == delivery_id, delivery.c.state.in_(PENDING))
    await connection.execute(update(delivery).where(pending).values(state="stopped", reason=reason, finished_at=now))


async def make_due(connection: AsyncConnection, delivery_id: str, now: Instant) -> None:
    """What it waited for may have come."""
    await connection.execute(
        update(delivery).where(delivery.c.delivery_id == delivery_id, delivery.c.state == "waiting").values(due_at=now)
    )


async def close_inbox_tasks(connection: AsyncConnection, run_id: str, reason: str, now: Instant) -> None:
    """The open tasks of a run in our own list need not be done any more."""
    await connection.execute(
        update(task)
        .where(task.c.run_id == run_id, task.c.state == "open", task.c.destination == "inbox")
        .values(state="cancelled", closed_at=now, closed_because=reason)
    )


async def bury_record(connection: AsyncConnection, origin: str, reason: str, value: bytes, now: Instant) -> None:
    """A record that cannot be used, kept with its reason; `origin` is `runs/PARTITION/OFFSET`."""
    await bury(connection, "record", origin, origin=origin, reason=reason, value=value, now=now)


# ------------------------------------------------------------------ leases


async def find_due(connection: AsyncConnection, now: Instant, full: Sequence[str], limit: int) -> list[tuple[str, str | None]]:
    """Deliveries whose turn it is, (delivery_id, destination), the longest due first; none for destinations in `full`."""
    due: Select[Any] = select(delivery.c.delivery_id, delivery.c.destination).where(
        delivery.c.state == "waiting", delivery.c.due_at <= now, not_muted(now)
    )
    if full:
        due = due.where(or_(delivery.c.destination.is_(None), delivery.c.destination.not_in(full)))
    found = await connection.execute(due.order_by(delivery.c.due_at).limit(limit))
    return [(row[0], row[1]) for row in found]


async def lease(connection: AsyncConnection, ids: Sequence[str], worker: str, now: Instant, until: Instant) -> list[Leased]:
    """Take those of the deliveries that are still free; each is one attempt more, whose number fences its end."""
    free = (
        select(delivery.c.delivery_id)
        .where(delivery.c.delivery_id.in_(ids), delivery.c.state == "waiting", delivery.c.due_at <= now)
        .with_for_update(skip_locked=True)
    )
    taken = await connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(free.scalar_subquery()))
        .values(state="leased", attempt=delivery.c.attempt + 1, leased_until=until, leased_by=worker)
        .returning(
            delivery.c.delivery_id,
            delivery.c.run_id,
            delivery.c.step,
            delivery.c.kind,
            delivery.c.destination,
            delivery.c.attempt,
            delivery.c.created_at,
        )
    )
    rows = taken.all()
    records = await _records(connection, [row.run_id for row in rows])
    return [
        Leased(row.delivery_id, row.run_id, row.step, row.kind, row.destination, row.attempt, row.created_at, records[row.run_id])
        for row in rows
    ]


async def rescue(connection: AsyncConnection, now: Instant) -> int:
    """Free the deliveries whose worker has let its lease run out; how many."""
    found = await connection.execute(
        update(delivery)
        .where(delivery.c.state == "leased", delivery.c.leased_until < now)
        .values(state="waiting", due_at=now, leased_until=None, leased_by=None)
    )
    return found.rowcount


async def expired(connection: AsyncConnection, now: Instant) -> bool:
    """Whether there is anything to rescue."""
    found = await connection.execute(
        select(literal(1)).where(delivery.c.state == "leased", delivery.c.leased_until < now).limit(1)
    )
    return found.first() is not None


# ------------------------------------------------------------------ the end of a try


async def lock_run(connection: AsyncConnection, run_id: str) -> Resolution:
    """How the run stands; until the transaction ends it cannot resolve."""
    found = await connection.execute(
        select(run_context.c.resolved_at, run_context.c.resolution)
        .where(run_context.c.run_id == run_id)
        .with_for_update(read=True)
    )
    row = found.one()
    return Resolution(row[0], row[1])


async def finish(connection: AsyncConnection, leased: Leased, **values: Any) -> bool:
    """End this lease with the given columns. False: the lease is another worker's by now, and nothing was changed."""
    found = await connection.execute(
        update(delivery)
        .where(
            delivery.c.delivery_id == leased.delivery_id,
            delivery.c.attempt == leased.attempt,
            delivery.c.state == "leased",
        )
        .values(leased_until=None, leased_by=None, **values)
    )
    return found.rowcount == 1


async def record_try(connection: AsyncConnection, leased: Leased, tried: Try) -> None:
    """One row of `attempt`."""
    await connection.execute(
        attempt.insert().values(
            delivery_id=leased.delivery_id,
            attempt=leased.attempt,
            **tried._replace(reason=kept(tried.reason), response=kept(tried.response))._asdict(),
        )
    )


async def history(connection: AsyncConnection, delivery_id: str) -> History:
    """The tries so far; those before the last redrive count no more."""
    redriven = (
        select(func.coalesce(func.max(dead_letter.c.redriven_at), 0)).where(dead_letter.c.origin == delivery_id).scalar_subquery()
    )
    recent = attempt.c.started_at >= redriven
    found = await connection.execute(
        select(
            func.coalesce(func.sum(case((and_(recent, attempt.c.outcome == "failed"), 1), else_=0)), 0),
            func.count(),
            func.min(case((recent, attempt.c.started_at))),
            func.coalesce(func.sum(case((_unanswered(), 1), else_=0)), 0),
        ).where(attempt.c.delivery_id == delivery_id)
    )
    row = found.one()
    return History(int(row[0]), int(row[1]), row[2], int(row[3]))


def _unanswered() -> ColumnElement[bool]:
    return and_(attempt.c.outcome == "failed", or_(attempt.c.status.is_(None), attempt.c.status >= _SERVER_ERROR))


async def add_delivery(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """The next step of a run; it exists once."""
    await connection.execute(_insert(connection, delivery).on_conflict_do_nothing(), [row])


async def add_task(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """A task that a tool, or our own list, now has."""
    await connection.execute(_insert(connection, task).on_conflict_do_nothing(), [row])


async def bury_delivery(connection: AsyncConnection, leased: Leased, reason: str, value: bytes, now: Instant) -> None:
    """A delivery that was given up, kept with its reason."""
    key = f"{leased.delivery_id}/{leased.attempt}"
    await bury(connection, "delivery", key, origin=leased.delivery_id, reason=reason, value=value, now=now)


async def tasks_are_done(connection: AsyncConnection, run_id: str) -> bool:
    """Whether the run has tasks and none of them is open."""
    found = await connection.execute(
        select(func.count(), func.sum(case((task.c.state == "open", 1), else_=0))).where(task.c.run_id == run_id)
    )
    total, still_open = found.one()
    return bool(total) and not still_open


async def waits_behind_closed_tasks(connection: AsyncConnection, since: Instant, reason: str) -> list[str]:
    """The waits, known by their reason, of runs of which a task was closed at or after `since`."""
    closed = select(task.c.run_id).where(task.c.closed_at >= since)
    found = await connection.execute(
        select(delivery.c.delivery_id).where(
            delivery.c.run_id.in_(closed.scalar_subquery()), delivery.c.reason == reason, delivery.c.state == "waiting"
        )
    )
    return [row[0] for row in found]


# ------------------------------------------------------------------ destinations


async def destination_states(connection: AsyncConnection) -> dict[str, tuple[str, str | None]]:
    """Destinations that are not as new: state and reason by name."""
    found = await connection.execute(
        select(destination_state.c.destination, destination_state.c.state, destination_state.c.reason)
    )
    return {row[0]: (row[1], row[2]) for row in found}


async def set_destination_state(connection: AsyncConnection, name: str, state: str, reason: str, now: Instant) -> None:
    """Pause or disable a destination, until a person enables it."""
    values = {"state": state, "reason": kept(reason), "since": now}
    await connection.execute(
        _insert(connection, destination_state)
        .values(destination=name, **values)
        .on_conflict_do_update(index_elements=["destination"], set_=values)
    )


async def held_destinations(connection: AsyncConnection) -> list[str]:
    """The destinations for which deliveries are held because of the destination itself."""
    found = await connection.execute(
        select(delivery.c.destination).where(delivery.c.state == "held", delivery.c.reason.like("destination %")).distinct()
    )
    return [row[0] for row in found if row[0] is not None]


async def release(connection: AsyncConnection, destination: str, now: Instant) -> int:
    """Let go what was held because of the destination; how many."""
    found = await connection.execute(
        update(delivery)
        .where(delivery.c.state == "held", delivery.c.destination == destination, delivery.c.reason.like("destination %"))
        .values(state="waiting", due_at=now, reason=None)
    )
    return found.rowcount


async def _records(connection: AsyncConnection, run_ids: list[str]) -> dict[str, bytes]:
    if not run_ids:
        return {}
    found = await connection.execute(select(run_context.c.run_id, run_context.c.record).where(run_context.c.run_id.in_(run_ids)))
    return {row.run_id: row.record for row in found}


def _insert(connection: AsyncConnection, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases have in the same words."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
