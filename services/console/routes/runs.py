"""`/api/v1/runs` and `/api/v1/decisions`: what became true, and what did not become a run."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.console.access import Reader
from services.console.paging import Page
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, missing
from services.console.routes.deliveries import Delivery
from services.console.routes.tasks import Task
from services.console.shown import Moment, Shown
from services.console.store import deliveries, tasks
from services.console.store import runs as store
from shared.db.database import reading

router = APIRouter(tags=["runs"])


class Run(Shown):
    """One rising edge of a play for one subject. `evidence`: the numbers that made it true; `arm`: run, holdout or shadow.

    `goal` is reached or missed, at `goal_at`; null while it is still watched, or where there is none.
    """

    run_id: str
    play: str
    version: int
    account_id: str
    subject: str
    user_id: str | None
    opened_at: Moment
    resolved_at: Moment | None
    resolution: str | None
    goal: str | None
    goal_at: Moment | None
    arm: str
    evidence: dict[str, Any]


class RunInFull(Run):
    """A run with what was done for it."""

    deliveries: list[Delivery]
    tasks: list[Task]


class Decision(Shown):
    """An edge that did not become an ordinary run, and why."""

    decision_id: str
    play: str
    version: int
    account_id: str
    subject: str
    at: Moment
    reason: str
    detail: dict[str, Any]


@router.get("/runs")
async def list_runs(parts: Given, _: Reader, asked: Annotated[store.RunsAsked, Query()]) -> Page[Run]:
    """Runs, the newest first."""
    async with reading(parts.database) as connection:
        rows, following = await store.list_runs(connection, asked)
    return Page(items=[Run.of(row) for row in rows], next=following)


@router.get("/runs/{run_id}", responses=NOT_FOUND)
async def show_run(run_id: str, parts: Given, _: Reader) -> RunInFull:
    """One run with its deliveries and tasks."""
    async with reading(parts.database) as connection:
        row = await store.one_run(connection, run_id)
        if row is None:
            raise missing("run", run_id)
        sent = [Delivery.of(delivery) for delivery in await deliveries.of_run(connection, run_id)]
        made = [Task.of(task) for task in await tasks.of_run(connection, run_id)]
    return RunInFull.of(row, deliveries=sent, tasks=made)


@router.get("/decisions")
async def list_decisions(parts: Given, _: Reader, asked: Annotated[store.DecisionsAsked, Query()]) -> Page[Decision]:
    """Decisions, the newest first."""
    async with reading(parts.database) as connection:
        rows, following = await store.list_decisions(connection, asked)
    return Page(items=[Decision.of(row) for row in rows], next=following)
