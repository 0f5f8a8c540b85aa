"""Deliveries with their attempts, the destinations they go to, and what was given up."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Asked, Rows, matching, newest_first
from shared.db.tables import attempt, dead_letter, delivery, destination_state
from shared.instants import Instant

GIVEN_UP = ("dead", "held")


class DeliveriesAsked(Asked):
    """Which deliveries."""

    state: str | None = None
    play: str | None = None
    account: str | None = None
    destination: str | None = None


class DeadLettersAsked(Asked):
    """Which dead letters: those redriven or discarded only with `everything`."""

    everything: bool = False


async def list_deliveries(connection: AsyncConnection, asked: DeliveriesAsked) -> tuple[Rows, str | None]:
    """Deliveries, the newest first."""
    columns = {"state": asked.state, "play": asked.play, "account_id": asked.account, "destination": asked.destination}
    query = matching(select(delivery), {delivery.c[name]: value for name, value in columns.items()})
    return await newest_first(connection, query, delivery.c.created_at, delivery.c.delivery_id, asked)


async def one_delivery(connection: AsyncConnection, delivery_id: str) -> AnyRow | None:
    """A delivery by its id."""
    return (await connection.execute(select(delivery).where(delivery.c.delivery_id == delivery_id))).first()


async def of_run(connection: AsyncConnection, run_id: str) -> Rows:
    """The deliveries of a run, in the order in which its steps came."""
    asked = select(delivery).where(delivery.c.run_id == run_id).order_by(delivery.c.created_at, delivery.c.step)
    return (await connection.execute(asked)).all()


async def attempts_of(connection: AsyncConnection, delivery_id: str) -> Rows:
    """Every try, the first first."""
    asked = select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.attempt)
    return (await connection.execute(asked)).all()


async def retry(connection: AsyncConnection, delivery_id: str, at: Instant) -> bool:
    """Make a delivery that was given up or held due now; its dead letters are redriven with it. False: it is neither."""
    trying = update(delivery).where(delivery.c.delivery_id == delivery_id, delivery.c.state.in_(GIVEN_UP))
    given = {"state": "waiting", "due_at": at, "reason": None, "finished_at": None, "leased_until": None, "leased_by": None}
    if (await connection.execute(trying.values(given))).rowcount == 0:
        return False
    letters = update(dead_letter).where(dead_letter.c.kind == "delivery", dead_letter.c.origin == delivery_id)
    await connection.execute(letters.where(dead_letter.c.redriven_at.is_(None)).values(redriven_at=at))
    return True


async def release(connection: AsyncConnection, delivery_id: str, at: Instant) -> bool:
    """Make a held delivery due now. False: it is not held."""
    releasing = update(delivery).where(delivery.c.delivery_id == delivery_id, delivery.c.state == "held")
    return (await connection.execute(releasing.values(state="waiting", due_at=at, reason=None))).rowcount == 1


async def drop(connection: AsyncConnection, delivery_id: str, reason: str, at: Instant) -> bool:
    """Stop a held delivery. False: it is not held."""
    dropping = update(delivery).where(delivery.c.delivery_id == delivery_id, delivery.c.state == "held")
    return (await connection.execute(dropping.values(state="stopped", reason=reason, finished_at=at))).rowcount == 1


async def list_dead_letters(connection: AsyncConnection, asked: DeadLettersAsked) -> tuple[Rows, str | None]:
    """Dead letters, the newest first."""
    query = select(dead_letter)
    if not asked.everything:
        query = query.where(dead_letter.c.redriven_at.is_(None), dead_letter.c.discarded_at.is_(None))
    return await newest_first(connection, query, dead_letter.c.created_at, dead_letter.c.dead_letter_id, asked)


async def one_dead_letter(connection: AsyncConnection, dead_letter_id: str) -> AnyRow | None:
    """A dead letter by its id."""
    return (await connection.execute(select(dead_letter).where(dead_letter.c.dead_letter_id == dead_letter_id))).first()


async def mark_dead_letter(connection: AsyncConnection, dead_letter_id: str, column: str, at: Instant) -> bool:
    """Note that it was redriven (`redriven_at`) or discarded (`discarded_at`). False: one of both had happened before."""
    marking = update(dead_letter).where(
        dead_letter.c.dead_letter_id == dead_letter_id,
        dead_letter.c.redriven_at.is_(None),
        dead_letter.c.discarded_at.is_(None),
    )
    return (await connection.execute(marking.values({column: at}))).rowcount == 1


async def destination_states(connection: AsyncConnection) -> dict[str, AnyRow]:
    """The destinations that are, or were, not active."""
    return {row.destination: row for row in await connection.execute(select(destination_state))}


async def enable(connection: AsyncConnection, destination: str, at: Instant) -> None:
    """Let a destination have deliveries again. One that never was anything but active has no row, and needs none."""
    enabling = update(destination_state).where(destination_state.c.destination == destination)
    await connection.execute(enabling.values(state="active", reason=None, since=at))
