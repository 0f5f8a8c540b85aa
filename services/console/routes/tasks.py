"""`/api/v1/tasks`: what a person is asked to do; done here, or given to somebody else."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Admin, Reader
from services.console.outbox import keep
from services.console.paging import AnyRow, Page
from services.console.parts import Given
from services.console.refusals import CONFLICT, NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from services.console.store import tasks as store
from shared.db.database import reading
from shared.records import Event, as_json

SOURCE = "successplays"
# The one tool whose tasks are ours to change: a tool's own tasks are changed in the tool.
INBOX = "inbox"

_logger = structlog.get_logger()

router = APIRouter(prefix="/tasks", tags=["tasks"])


class Task(Shown):
    """A task with the life that it has in its tool, and the evidence of the run that asked for it."""

    task_id: str
    run_id: str
    play: str
    account_id: str
    destination: str
    external_id: str | None
    state: str
    title: str
    body: str
    assignee: str | None
    assigned_because: str | None
    priority: str
    due_at: Moment | None
    created_at: Moment
    closed_at: Moment | None
    closed_because: str | None
    evidence: dict[str, Any] | None
    opened_at: Moment | None


class Done(BaseModel):
    """Who did it; without it, the key."""

    model_config = ConfigDict(extra="forbid")

    by: str | None = Field(default=None, max_length=320)


class Reassignment(Done):
    """Whose it is from now on."""

    assignee: str = Field(min_length=1, max_length=320)


@router.get("")
async def list_tasks(parts: Given, _: Reader, asked: Annotated[store.TasksAsked, Query()]) -> Page[Task]:
    """Tasks, the newest first."""
    async with reading(parts.database) as connection:
        rows, following = await store.list_tasks(connection, asked)
    return Page(items=[Task.of(row) for row in rows], next=following)


@router.get("/{task_id}", responses=NOT_FOUND)
async def show_task(task_id: str, parts: Given, _: Reader) -> Task:
    """One task."""
    async with reading(parts.database) as connection:
        return Task.of(await _found(connection, task_id))


@router.post("/{task_id}/done", responses={**NOT_FOUND, **CONFLICT})
async def complete_task(task_id: str, parts: Given, caller: Admin, done: Done | None = None) -> Task:
    """Mark a task done. Its account hears `task.completed`. Doing it again changes nothing."""
    by = (done and done.by) or caller.name
    async with parts.database.begin() as connection:
        row = await _found(connection, task_id)
        if await store.close(connection, task_id, parts.clock(), f"done by {by}"):
            await keep(connection, row.account_id, _completed(row, by))
            _logger.info("task.done", task_id=task_id, account_id=row.account_id, by=by)
        elif row.state != "done":
            raise Refused(409, "task_not_open", f"task {task_id} is {row.state}, so it cannot be done")
        answer = Task.of(await _found(connection, task_id))
    await parts.publisher.publish()
    return answer


@router.post("/{task_id}/reassign", responses={**NOT_FOUND, **CONFLICT})
async def reassign_task(task_id: str, parts: Given, caller: Admin, given: Reassignment) -> Task:
    """Give an open task of the inbox to somebody else."""
    by = given.by or caller.name
    async with parts.database.begin() as connection:
        row = await _found(connection, task_id)
        if row.destination != INBOX:
            raise Refused(409, "task_lives_elsewhere", f"task {task_id} lives in {row.destination}: reassign it there")
        if not await store.reassign(connection, task_id, given.assignee, f"reassigned by {by}"):
            raise Refused(409, "task_not_open", f"task {task_id} is {row.state}, so it cannot be reassigned")
        _logger.info("task.reassigned", task_id=task_id, account_id=row.account_id, assignee=given.assignee, by=by)
        return Task.of(await _found(connection, task_id))


async def _found(connection: AsyncConnection, task_id: str) -> AnyRow:
    row = await store.one_task(connection, task_id)
    if row is None:
        raise missing("task", task_id)
    return row


def _completed(task: AnyRow, by: str) -> Event:
    done = {"task_id": task.task_id, "run_id": task.run_id, "play": task.play, "destination": task.destination, "by": by}
    # Its id is made from its cause: a task is completed once, however often that is said.
    return Event(
        id=f"task.completed:{task.task_id}",
        name="task.completed",
        source=SOURCE,
        account_id=task.account_id,
        properties_json=as_json(done),
    )
