"""Runs, and the edges that did not become ordinary runs."""

from typing import Any, NamedTuple

from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Asked, Rows, matching, newest_first
from shared.db.tables import decision, run
from shared.instants import Instant


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


class About(NamedTuple):
    """A play and an account, maybe one subject of it, up to an instant."""

    play: str
    account: str
    subject: str | None
    until: Instant | None


async def runs_about(connection: AsyncConnection, about: About, limit: int) -> Rows:
    """The newest runs, opened at `until` or before."""
    asked = _about(run, about).order_by(run.c.opened_at.desc(), run.c.run_id)
    if about.until is not None:
        asked = asked.where(run.c.opened_at <= about.until)
    rows: Rows = (await connection.execute(asked.limit(limit))).all()
    return rows


async def decisions_about(connection: AsyncConnection, about: About, limit: int) -> Rows:
    """The newest decisions, taken at `until` or before."""
    asked = _about(decision, about).order_by(decision.c.at.desc(), decision.c.decision_id)
    if about.until is not None:
        asked = asked.where(decision.c.at <= about.until)
    rows: Rows = (await connection.execute(asked.limit(limit))).all()
    return rows


def _about(table: Table, about: About) -> Select[Any]:
    values = {table.c.play: about.play, table.c.account_id: about.account, table.c.subject: about.subject}
    return matching(select(table), values)
