"""Reads topic `runs`: a run that opened becomes its first delivery, one that resolved stops what has not gone out.

One transaction per batch, with the offsets in it: a batch is taken whole or not at all, and a run that is there already is
dropped.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.actions import store
from services.actions.core.progress import step_at, waited_for_the_end
from services.actions.core.steps import Wait, parse_steps
from services.actions.guard import GuardKeeper
from services.actions.rendering import People, context_of
from services.actions.schedule import next_delivery
from services.actions.workspace import Workspace
from shared.clock import Clock
from shared.db.topic_consumer import TopicConsumer
from shared.instants import Instant
from shared.log.contract import Log, Record
from shared.records import RunGoal, RunOpened, RunResolved, RunsRecord, decode_runs_record, encode
from shared.telemetry import log_for
from shared.topics import RUNS

GROUP = "actions"

logger = log_for("actions")


class Consumer(TopicConsumer):
    """A member of group `actions`."""

    def __init__(
        self, database: AsyncEngine, log: Log, clock: Clock, workspace: Callable[[], Workspace], wake: asyncio.Event
    ) -> None:
        """`workspace` gives the newest one; `wake` is set when there are new deliveries."""
        super().__init__(database, log, clock, RUNS, GROUP)
        self._workspace = workspace
        self._wake = wake
        self._guard = GuardKeeper()

    def stored(self) -> None:
        """Whoever carries deliveries out looks at once."""
        self._wake.set()

    async def store(self, connection: AsyncConnection, records: Sequence[Record], now: Instant) -> None:
        """Keep the runs that opened, and end those that resolved."""
        resolved = await self._keep_opened(connection, records, now)
        # In the order of their runs, as everywhere: two transactions never wait for each other.
        for record in sorted(resolved, key=lambda record: record.run_id):
            await end_run(connection, record, now)

    async def _keep_opened(self, connection: AsyncConnection, records: Sequence[Record], now: int) -> list[RunResolved]:
        """Keep the runs that opened, in one go; the others of the batch are given back."""
        opened: list[RunOpened] = []
        firsts: dict[str, dict[str, Any]] = {}
        resolved: list[RunResolved] = []
        people = self._workspace().people
        for record in records:
            try:
                read, first = _read(record.value, people)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one record, the partition goes on
                origin = f"{RUNS}/{record.partition}/{record.offset}"
                await store.bury_record(connection, origin, f"{type(error).__name__}: {error}", record.value, now)
                logger.error("record buried", origin=origin)
                continue
            if isinstance(read, RunResolved):
                resolved.append(read)
            elif isinstance(read, RunOpened) and read.arm == "run":
                opened.append(read)
                if first is not None:
                    firsts[read.run_id] = first
        await self._keep(connection, opened, firsts, now)
        return resolved

    async def _keep(
        self, connection: AsyncConnection, opened: Sequence[RunOpened], firsts: dict[str, dict[str, Any]], now: int
    ) -> None:
        """Keep the runs, and their first deliveries; those that the guard holds are kept back with the reason."""
        held = await self._guard.held(connection, opened, now)
        contexts = []
        for run in opened:
            guarded, until = held.get(run.run_id, (None, 0))
            contexts.append(
                {"run_id": run.run_id, "record": encode(run), "play": run.play, "opened_at": run.opened_at, "guarded": guarded}
            )
            if guarded is not None and run.run_id in firsts:
                firsts[run.run_id] |= {"state": "held", "reason": guarded, "due_at": until}
            logger.info("run taken", run=run.run_id, play=run.play, account=run.account_id, held=guarded)
        await store.keep_runs(connection, contexts, list(firsts.values()))


def _read(value: bytes, people: People) -> tuple[RunsRecord, dict[str, Any] | None]:
    """A record, and the first delivery of the run that it opens."""
    read = decode_runs_record(value)
    if isinstance(read, RunResolved | RunGoal) or read.arm != "run":
        return read, None
    return read, next_delivery(read, parse_steps(read.steps), None, context_of(read, people), read.opened_at)


async def end_run(connection: AsyncConnection, resolved: RunResolved, now: int) -> None:
    """Stop what has not gone out, let go what waited for this, and close the inbox's tasks when the condition cleared."""
    value = await store.end_run(connection, resolved.run_id, resolved.resolved_at, resolved.reason)
    if value is None:
        return
    run = msgspec.json.decode(value, type=RunOpened)
    steps = parse_steps(run.steps)
    for delivery_id, path in await store.pending_steps(connection, resolved.run_id):
        step = step_at(steps, path)
        if isinstance(step, Wait) and step.until == "resolved":
            await store.make_due(connection, delivery_id, now)
        elif not goes_on(resolved.reason) or not waited_for_the_end(steps, path):
            await store.stop_delivery(connection, delivery_id, f"the run resolved: {resolved.reason}", now)
    if resolved.reason == "cleared" and run.on_resolve == "close_tasks":
        await store.close_inbox_tasks(connection, resolved.run_id, resolved.reason, now)
    logger.info("run ended", run=resolved.run_id, reason=resolved.reason)


def goes_on(reason: str) -> bool:
    """Whether a run that ended for this reason may still do what its play planned for afterwards."""
    return reason in ("cleared", "resolved")
