"""The embedded default, durable: from the embedded log to SQLite (synchronous FULL), all of it in one data folder.

The floor is that of the engine row: the same plays by hand, in process, storing nothing. What is measured is the time until every
record of a log that was written before is taken, and every deadline before its end, and all of it is committed and published.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.engine import run_floor, seconds
from benchmarks.service import PARTITIONS, append_events, append_plays
from benchmarks.table import Result, per_second
from services.rules.main import run_worker
from shared.clock import wall_clock
from shared.db.database import open_database, reading, upgrade
from shared.log import open_log
from shared.log.contract import Log
from shared.records import Event
from shared.settings import Settings, read_settings

_DONE = text(
    "SELECT (SELECT sum(next_offset) FROM partition) = :records AND NOT EXISTS (SELECT 1 FROM outbox) AND NOT EXISTS "
    "(SELECT 1 FROM subject JOIN partition USING (partition) WHERE next_deadline < at)"
)
_OPENED = text("SELECT play, account_id, opened_at FROM run ORDER BY play, account_id, opened_at")

Opened = list[tuple[str, str, int]]


def measure_embedded(lines: Path, events: int, repeats: int) -> Result:
    """Events a second from the embedded log to SQLite, beside the in-process floor's, in turns.

    Raises:
        AssertionError: the two did not open the same runs.
    """
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(repeats):
        floor_seconds, expected = seconds(lambda: run_floor(lines))
        embedded_seconds, found = asyncio.run(_in_new_folder(lines, events))
        assert found == expected.opened, f"{len(found)} runs, and the floor has {len(expected.opened)}"
        ours.append(embedded_seconds)
        floors.append(floor_seconds)
    return per_second("embedded log to SQLite, durable", events, ours, floors, target=0.05)


async def _in_new_folder(lines: Path, events: int) -> tuple[float, Opened]:
    with TemporaryDirectory() as folder:
        settings = read_settings(
            {"SUCCESSPLAYS_DATA": folder, "SUCCESSPLAYS_PARTITIONS": str(PARTITIONS), "SUCCESSPLAYS_REPLAY": "1"}
        )
        await upgrade(settings)
        database, log = await open_database(settings), await open_log(settings, wall_clock)
        try:
            await append_plays(log)
            await append_events(log, _events(lines))
            return await _run(settings, database, log, events + PARTITIONS)
        finally:
            await log.close()
            await database.dispose()


async def _run(settings: Settings, database: AsyncEngine, log: Log, records: int) -> tuple[float, Opened]:
    stop = asyncio.Event()
    began = time.perf_counter()
    worker = asyncio.create_task(run_worker(settings, database, log, wall_clock, stop))
    try:
        while not await _is_done(database, records):
            assert not worker.done(), worker.result()
            await asyncio.sleep(0.05)
        taken = time.perf_counter() - began
    finally:
        stop.set()
        await worker
    async with reading(database) as connection:
        return taken, [(play, account_id, at) for play, account_id, at in await connection.execute(_OPENED)]


async def _is_done(database: AsyncEngine, records: int) -> bool:
    async with reading(database) as connection:
        return bool((await connection.execute(_DONE, {"records": records})).scalar())


def _events(lines: Path) -> Iterator[Event]:
    with lines.open("rb") as events:
        for line in events:
            yield msgspec.json.decode(line, type=Event)
