"""What came of a play that somebody started."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Rows
from shared.db.history import months_stored
from shared.db.tables import decision, event, run
from shared.instants import Instant, month_of


async def started_event(
    connection: AsyncConnection, account_id: str, source: str, event_id: str, since: Instant
) -> AnyRow | None:
    """The newest event of this name that was received since; rules keeps it together with what came of it."""
    months = event.c.month.in_([month for month in await months_stored(connection) if month >= month_of(since)])
    named = (event.c.account_id == account_id, event.c.source == source, event.c.id == event_id)
    of_it = (months, *named, event.c.received_at >= since)
    asked = select(event.c.received_at).where(*of_it).order_by(event.c.received_at.desc()).limit(1)
    return (await connection.execute(asked)).first()


async def runs_at(connection: AsyncConnection, play: str, account_id: str, at: Instant) -> Rows:
    """The runs of the play that opened in the account at this instant."""
    return (
        await connection.execute(
            select(run.c.run_id, run.c.arm, run.c.evidence).where(
                run.c.account_id == account_id, run.c.opened_at == at, run.c.play == play
            )
        )
    ).all()


async def decisions_at(connection: AsyncConnection, play: str, account_id: str, at: Instant) -> Rows:
    """The edges of that instant that became no ordinary run."""
    of_it = (decision.c.account_id == account_id, decision.c.at == at, decision.c.play == play)
    return (await connection.execute(select(decision.c.reason, decision.c.detail).where(*of_it))).all()
