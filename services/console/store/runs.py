"""Runs, and the edges that did not become ordinary runs."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Asked, Rows, matching, newest_first
from shared.db.tables import decision, run


class RunsAsked(Asked):
    """Which runs; `open` is whether they are not resolved yet."""

    account: str | None = None
    play: str | None = None
    open: bool | None = None


class DecisionsAsked(Asked):
    """Which decisions."""

    account: str | None = None
    play: str | None = None
    reason: str | None = None


async def list_runs(connection: AsyncConnection, asked: RunsAsked) -> tuple[Rows, str | None]:
    """Runs, the newest first."""
    query = matching(select(run), {run.c.account_id: asked.account, run.c.play: asked.play})
    if asked.open is not None:
        query = query.where(run.c.resolved_at.is_(None) if asked.open else run.c.resolved_at.is_not(None))
    return await newest_first(connection, query, run.c.opened_at, run.c.run_id, asked)


async def one_run(connection: AsyncConnection, run_id: str) -> AnyRow | None:
    """A run by its id."""
    return (await connection.execute(select(run).where(run.c.run_id == run_id))).first()


async def list_decisions(connection: AsyncConnection, asked: DecisionsAsked) -> tuple[Rows, str | None]:
    """Decisions, the newest first."""
    values = {decision.c.account_id: asked.account, decision.c.play: asked.play, decision.c.reason: asked.reason}
    return await newest_first(connection, matching(select(decision), values), decision.c.at, decision.c.decision_id, asked)
