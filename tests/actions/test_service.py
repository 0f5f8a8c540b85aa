"""The whole of actions, on both logs: records in, deliveries out, within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.actions.main import run_actions
from shared.clock import wall_clock
from shared.db.database import open_database
from shared.db.tables import delivery, task, workspace
from shared.log.contract import Entry, Log
from shared.log.embedded import EmbeddedLog
from shared.records import RunsRecord, encode
from shared.topics import RUNS
from tests.actions.scene import TASK, Tool, hooks, run_opened, run_resolved, task_to, unique, until
from tests.conftest import SettingsFor


async def append(log: Log, *records: RunsRecord) -> None:
    await log.append(RUNS, [Entry(record.account_id, encode(record)) for record in records])


async def apply(database: AsyncEngine, **destinations: object) -> None:
    async with database.begin() as connection:
        document = {"destinations": destinations}
        await connection.execute(workspace.insert().values(version=1, document=document, applied_at=0, applied_by="test"))


@asynccontextmanager
async def running(database: AsyncEngine, log: Log) -> AsyncIterator[None]:
    stop = asyncio.Event()
    service = asyncio.create_task(run_actions(database, log, wall_clock, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(service, 20)


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Log]:
    log = EmbeddedLog(folder, wall_clock, (RUNS,), 1, replay=False)
    await log.create_topics()
    yield log
    await log.close()


async def test_runs_are_delivered_and_resolved_and_a_restart_repeats_nothing(
    log: Log, database: AsyncEngine, receiver: Tool, secret_file: Path
) -> None:
    await apply(database, hooks=hooks(receiver, secret_file))
    opened = [run_opened(TASK, task_to("hooks"), run_id=f"r{n}", account_id=f"a{n}", at=wall_clock()) for n in range(20)]

    async def all_delivered() -> bool:
        async with database.begin() as connection:
            states = [row[0] for row in await connection.execute(select(delivery.c.state))]
        return states == ["delivered"] * 40

    async def one_is_closed() -> bool:
        async with database.begin() as connection:
            closed = await connection.execute(select(task.c.run_id, task.c.destination).where(task.c.state == "cancelled"))
            return [tuple(row) for row in closed] == [("r0", "inbox")]

    async with running(database, log):
        await append(log, *opened)
        await until(all_delivered, seconds=30)
    await append(log, *opened[:3], run_resolved("r0", account_id="a0"))
    async with running(database, log):
        await until(one_is_closed, seconds=30)
    assert len(receiver.ids) == 20
    assert unique(receiver.ids)


async def test_a_delivery_goes_out_at_once(database: AsyncEngine, tmp_path: Path, receiver: Tool, secret_file: Path) -> None:
    await apply(database, hooks=hooks(receiver, secret_file))

    async def received() -> bool:
        return bool(receiver.ledger)

    async with embedded(tmp_path / "log") as log, running(database, log):
        await append(log, run_opened(task_to("hooks"), at=wall_clock()))
        await until(received, seconds=2)


async def test_a_database_that_is_away_ends_nothing(tmp_path: Path, settings_for: SettingsFor) -> None:
    database = await open_database(settings_for(database_url="postgresql://nobody@127.0.0.1:1/none"))
    async with embedded(tmp_path / "log") as log:
        await append(log, run_opened(TASK))
        stop = asyncio.Event()
        service = asyncio.create_task(run_actions(database, log, wall_clock, stop))
        done, _ = await asyncio.wait({service}, timeout=1)
        assert not done
        stop.set()
        await asyncio.wait_for(service, 10)
    await database.dispose()
