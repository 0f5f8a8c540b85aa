"""Tasks, and the two things that people do to them here."""

from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Asked, Rows, matching, newest_first
from shared.db.tables import run, task
from shared.instants import Instant

WITH_RUN = select(task, run.c.evidence, run.c.opened_at).outerjoin(run, run.c.run_id == task.c.run_id)


class TasksAsked(Asked):
    """Which tasks."""

    state: Literal["open", "done", "cancelled"] | None = None
    account: str | None = None
    play: str | None = None


async def list_tasks(connection: AsyncConnection, asked: TasksAsked) -> tuple[Rows, str | None]:
    """Tasks with the evidence of their runs, the newest first."""
    query = matching(WITH_RUN, {task.c.state: asked.state, task.c.account_id: asked.account, task.c.play: asked.play})
    return await newest_first(connection, query, task.c.created_at, task.c.task_id, asked)


async def one_task(connection: AsyncConnection, task_id: str) -> AnyRow | None:
    """A task by its id, with the evidence of its run."""
    return (await connection.execute(WITH_RUN.where(task.c.task_id == task_id))).first()


async def of_run(connection: AsyncConnection, run_id: str) -> Rows:
    """The tasks of a run, the oldest first."""
    return (await connection.execute(WITH_RUN.where(task.c.run_id == run_id).order_by(task.c.created_at))).all()


async def close(connection: AsyncConnection, task_id: str, at: Instant, because: str) -> bool:
    """Mark an open task done. False: it was not open any more."""
    closing = update(task).where(task.c.task_id == task_id, task.c.state == "open")
    done = await connection.execute(closing.values(state="done", closed_at=at, closed_because=because))
    return done.rowcount == 1


async def reassign(connection: AsyncConnection, task_id: str, assignee: str, because: str) -> bool:
    """Give an open task to somebody else. False: it was not open any more."""
    giving = update(task).where(task.c.task_id == task_id, task.c.state == "open")
    done = await connection.execute(giving.values(assignee=assignee, assigned_because=because))
    return done.rowcount == 1
