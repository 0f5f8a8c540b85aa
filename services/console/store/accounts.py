"""Accounts, and what happened to them."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Rows
from shared.db.history import months_stored
from shared.db.tables import account, account_user, decision, event, run, subject, task
from shared.instants import Instant, month_of


async def list_accounts(connection: AsyncConnection, after: str | None, limit: int) -> Rows:
    """Accounts by name, and one more than asked for if there is one."""
    asked = select(account).order_by(account.c.account_id).limit(limit + 1)
    if after is not None:
        asked = asked.where(account.c.account_id > after)
    return (await connection.execute(asked)).all()


async def one_account(connection: AsyncConnection, account_id: str) -> AnyRow | None:
    """An account by its id."""
    return (await connection.execute(select(account).where(account.c.account_id == account_id))).first()


async def near(connection: AsyncConnection, account_id: str, limit: int = 200) -> list[str]:
    """Some accounts whose ids stand next to this one, or begin as it does: among them may be the one that was meant."""
    following = select(account.c.account_id).where(account.c.account_id > account_id[:2]).order_by(account.c.account_id)
    before = select(account.c.account_id).where(account.c.account_id < account_id).order_by(account.c.account_id.desc())
    after = select(account.c.account_id).where(account.c.account_id > account_id).order_by(account.c.account_id)
    found = [name for asked in (following, before, after) for name in (await connection.execute(asked.limit(limit))).scalars()]
    return list(dict.fromkeys(found))


async def counts_of(connection: AsyncConnection, account_id: str) -> dict[str, int]:
    """How many users are known, runs and tasks are open."""
    asked = {
        "users": select(func.count()).select_from(account_user).where(account_user.c.account_id == account_id),
        "open_runs": select(func.count()).select_from(run).where(run.c.account_id == account_id, run.c.resolved_at.is_(None)),
        "open_tasks": select(func.count()).select_from(task).where(task.c.account_id == account_id, task.c.state == "open"),
    }
    return {name: int((await connection.execute(query)).scalar_one()) for name, query in asked.items()}


async def subjects_of(connection: AsyncConnection, account_id: str, limit: int) -> Rows:
    """What plays are evaluated for in this account, without the engine's documents; the next deadline first."""
    columns = (subject.c.kind, subject.c.value, subject.c.next_deadline)
    asked = select(*columns).where(subject.c.account_id == account_id)
    asked = asked.order_by(subject.c.next_deadline.is_(None), subject.c.next_deadline, subject.c.kind, subject.c.value)
    return (await connection.execute(asked.limit(limit))).all()


async def events_until(connection: AsyncConnection, account_id: str, at: Instant | None, limit: int) -> Rows:
    """Events received at `at` or before, the newest first."""
    found: list[AnyRow] = []
    for month in await months_stored(connection):
        if len(found) < limit and (at is None or month <= month_of(at)):
            asked = select(event).where(event.c.month == month, event.c.account_id == account_id)
            if at is not None:
                asked = asked.where(event.c.received_at <= at)
            newest = asked.order_by(event.c.received_at.desc(), event.c.position.desc()).limit(limit - len(found))
            found += (await connection.execute(newest)).all()
    return found


async def runs_until(connection: AsyncConnection, account_id: str, at: Instant | None, limit: int) -> Rows:
    """Runs opened at `at` or before, the newest first."""
    asked = select(run).where(run.c.account_id == account_id)
    if at is not None:
        asked = asked.where(run.c.opened_at <= at)
    return (await connection.execute(asked.order_by(run.c.opened_at.desc(), run.c.run_id.desc()).limit(limit))).all()


async def decisions_until(connection: AsyncConnection, account_id: str, at: Instant | None, limit: int) -> Rows:
    """Decisions taken at `at` or before, the newest first."""
    asked = select(decision).where(decision.c.account_id == account_id)
    if at is not None:
        asked = asked.where(decision.c.at <= at)
    return (await connection.execute(asked.order_by(decision.c.at.desc(), decision.c.decision_id.desc()).limit(limit))).all()
