"""Writes down the end of a try, or of a wait, in one transaction with what follows from it.

The transaction stands only if the lease is still this worker's: it is fenced on the delivery and its attempt. With it come the
row of `attempt`, the task, the dead letter, the destination's state and the next step's delivery.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.actions import store
from services.actions.carry import Carried
from services.actions.consumer import goes_on
from services.actions.core.progress import step_at, waited_for_the_end
from services.actions.core.steps import Wait, parse_steps
from services.actions.core.waits import Ended, MissingDate, waits_until, what_follows
from services.actions.group_commit import StaleLease
from services.actions.rendering import People, Rendered, RenderedTask, context_of
from services.actions.schedule import next_delivery
from services.actions.store import Leased, Resolution, Try
from shared.db.dead_letters import kept
from shared.instants import Instant
from shared.outbound.outcomes import Delivered, Disable, GiveUp, Hold, Outcome, Pause, TryAgain
from shared.outbound.retry import after_failure
from shared.records import RunOpened, encode
from shared.telemetry import log_for

INBOX = "inbox"
_NAMES: Mapping[type[Any], str] = {
    Delivered: "delivered",
    TryAgain: "failed",
    GiveUp: "dead",
    Pause: "paused",
    Disable: "disabled",
    Hold: "held",
}

logger = log_for("actions")


async def end_try(
    connection: AsyncConnection,
    leased: Leased,
    carried: Carried,
    people: People,
    *,
    started_at: Instant,
    now: Instant,
    jitter: float,
) -> Outcome:
    """Write down what a try came to; the outcome as decided, a retry with its gap.

    Raises:
        StaleLease: another worker has the delivery; nothing was written.
    """
    run = msgspec.json.decode(leased.record, type=RunOpened)
    resolution = await store.lock_run(connection, leased.run_id)
    outcome = await _decided(connection, leased, carried.outcome, started_at=started_at, now=now, jitter=jitter)
    following = _goes_on(run, leased.step, resolution)
    if not await store.finish(connection, leased, **_columns(leased, outcome, resolution, following, now)):
        raise StaleLease(leased.delivery_id)
    tried = Try(started_at, now, name_of(outcome), outcome.status, _reason(outcome), outcome.response)
    await store.record_try(connection, leased, tried)
    await _consequences(connection, leased, outcome, now)
    if isinstance(outcome, Delivered):
        await _keep_task(connection, leased, run, carried.content, outcome, resolution=resolution, now=now)
        if following:
            await _go_on(connection, leased, run, people, now)
    logger.info(
        "delivery tried",
        delivery=leased.delivery_id,
        run=leased.run_id,
        destination=leased.destination,
        attempt=leased.attempt,
        outcome=name_of(outcome),
        reason=_reason(outcome),
    )
    return outcome


async def end_wait(connection: AsyncConnection, leased: Leased, people: People, now: Instant) -> None:
    """Look whether a wait is over, and go on, stop, or wait longer.

    Raises:
        StaleLease: another worker has the delivery; nothing was written.
    """
    run = msgspec.json.decode(leased.record, type=RunOpened)
    step = step_at(parse_steps(run.steps), leased.step)
    if not isinstance(step, Wait):
        raise TypeError(f"{leased.step} is no wait")
    resolution = await store.lock_run(connection, leased.run_id)
    ended = Ended(resolution.resolved_at is not None, await store.tasks_are_done(connection, leased.run_id))
    try:
        until = waits_until(step, leased.reached_at, context_of(run, people))
    except MissingDate as missing:
        await _give_up_wait(connection, leased, str(missing), now)
        return
    follows = what_follows(step, until, ended, now)
    if follows != "stop" and not _goes_on(run, leased.step, resolution):
        values: dict[str, Any] = {"state": "stopped", "finished_at": now, "reason": f"the run resolved: {resolution.reason}"}
    elif follows == "wait":
        values = {"state": "waiting", "due_at": until}
    else:
        values = {"state": "delivered", "finished_at": now, "reason": f"waited, then: {follows}"}
    if not await store.finish(connection, leased, **values):
        raise StaleLease(leased.delivery_id)
    if values["state"] == "delivered" and follows == "continue":
        await _go_on(connection, leased, run, people, now)


async def _decided(
    connection: AsyncConnection, leased: Leased, outcome: Outcome, *, started_at: Instant, now: Instant, jitter: float
) -> Outcome:
    """A failed try becomes a retry with its gap, or the end."""
    if not isinstance(outcome, TryAgain):
        return outcome
    past = await store.history(connection, leased.delivery_id)
    return after_failure(outcome, past.failures, now - (past.first_at or started_at), jitter)


def _columns(leased: Leased, outcome: Outcome, resolution: Resolution, following: bool, now: Instant) -> dict[str, Any]:
    """The delivery's columns after a try."""
    if isinstance(outcome, Delivered):
        return {"state": "delivered", "finished_at": now, "external_id": kept(outcome.external_id), "reason": None}
    if isinstance(outcome, GiveUp):
        return {"state": "dead", "finished_at": now, "reason": kept(outcome.reason)}
    if not following:
        return {"state": "stopped", "finished_at": now, "reason": f"the run resolved: {resolution.reason}"}
    if isinstance(outcome, TryAgain):
        return {"state": "waiting", "due_at": now + (outcome.after or 0), "reason": kept(outcome.reason)}
    if isinstance(outcome, Hold):
        return {"state": "held", "reason": kept(outcome.reason)}
    state = "paused" if isinstance(outcome, Pause) else "disabled"
    return {"state": "held", "reason": kept(f"destination {leased.destination} is {state}: {outcome.reason}")}


async def _consequences(connection: AsyncConnection, leased: Leased, outcome: Outcome, now: Instant) -> None:
    if isinstance(outcome, GiveUp):
        await store.bury_delivery(connection, leased, outcome.reason, _letter(leased, outcome), now)
    if isinstance(outcome, (Pause, Disable)) and leased.destination is not None:
        state = "paused" if isinstance(outcome, Pause) else "disabled"
        await store.set_destination_state(connection, leased.destination, state, outcome.reason, now)
        logger.warning("destination stopped", destination=leased.destination, state=state, reason=outcome.reason)


async def _keep_task(
    connection: AsyncConnection,
    leased: Leased,
    run: RunOpened,
    content: Rendered | None,
    outcome: Delivered,
    *,
    resolution: Resolution,
    now: Instant,
) -> None:
    """The row of `task` of a task that a tool, or our own list, has taken."""
    if not isinstance(content, RenderedTask):
        return
    # The run cleared while the task was on its way: it is closed as it would have been a moment later.
    closed = leased.destination == INBOX and resolution.reason == "cleared" and run.on_resolve == "close_tasks"
    row = {
        "task_id": leased.delivery_id,
        "run_id": leased.run_id,
        "play": run.play,
        "account_id": run.account_id,
        "destination": leased.destination,
        "external_id": kept(outcome.external_id),
        "state": "cancelled" if closed else "open",
        "title": content.title.replace("\0", ""),
        "body": content.body.replace("\0", ""),
        "assignee": kept(content.assignee),
        "assigned_because": kept(content.assigned_because),
        "priority": content.priority,
        "due_at": content.due_at,
        "created_at": now,
        "closed_at": now if closed else None,
        "closed_because": "cleared" if closed else None,
    }
    await store.add_task(connection, row)


async def _go_on(connection: AsyncConnection, leased: Leased, run: RunOpened, people: People, now: Instant) -> None:
    row = next_delivery(run, parse_steps(run.steps), leased.step, context_of(run, people), now)
    if row is not None:
        await store.add_delivery(connection, row)


async def _give_up_wait(connection: AsyncConnection, leased: Leased, reason: str, now: Instant) -> None:
    if not await store.finish(connection, leased, state="dead", reason=kept(reason), finished_at=now):
        raise StaleLease(leased.delivery_id)
    await store.bury_delivery(connection, leased, reason, _letter(leased, GiveUp(reason)), now)


def _goes_on(run: RunOpened, step: str, resolution: Resolution) -> bool:
    """Whether the run still has something to do after this step."""
    if resolution.resolved_at is None:
        return True
    return goes_on(resolution.reason or "") and waited_for_the_end(parse_steps(run.steps), step)


def _letter(leased: Leased, outcome: GiveUp) -> bytes:
    return encode(
        {
            "delivery_id": leased.delivery_id,
            "run_id": leased.run_id,
            "step": leased.step,
            "kind": leased.kind,
            "destination": leased.destination,
            "attempt": leased.attempt,
            "reason": kept(outcome.reason),
            "status": outcome.status,
            "response": kept(outcome.response),
        }
    )


def name_of(outcome: Outcome) -> str:
    """How an outcome is called in rows and metrics."""
    return "throttled" if isinstance(outcome, TryAgain) and outcome.throttled else _NAMES[type(outcome)]


def _reason(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Delivered) else outcome.reason
