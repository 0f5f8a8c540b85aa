"""Two workers beside one, each a process of its own, on a log of four partitions; broker and database share the machine.

The workers have their partitions before anything is written. What is measured begins with the first append and ends when
everything is taken, committed and published, so that what the writer costs is in both figures.
"""

import asyncio
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.generate import generate
from benchmarks.latency import COMMAND, free_port
from benchmarks.service import (
    DONE,
    PARTITIONS,
    Servers,
    append_events,
    append_plays,
    connected,
    in_new_database,
    settings_of,
)
from benchmarks.table import Result, per_second
from scripts import kafka, postgres
from shared.clock import wall_clock
from shared.db.database import upgrade
from shared.log import open_log
from shared.log.contract import Log

_SHARED = "SELECT count(*) = $1 AND sum(epoch) >= $2 FROM partition WHERE topic = 'events'"


def measure_workers(events: int, repeats: int) -> Result:
    """Events a second of two workers beside one, in turns.

    Raises:
        AssertionError: they did not make the same runs.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        broker = stack.enter_context(kafka.start(folder / "kafka"))
        server = stack.enter_context(postgres.start(durable=True))
        return asyncio.run(_measure(Servers(broker.bootstrap_servers, server.url), folder, events, repeats))


async def _measure(servers: Servers, folder: Path, events: int, repeats: int) -> Result:
    alone: list[float] = []
    together: list[float] = []
    for _ in range(repeats):
        one, expected = await in_new_database(servers, lambda url: _run(servers, url, folder, 1, events))
        two, found = await in_new_database(servers, lambda url: _run(servers, url, folder, 2, events))
        assert found == expected, f"two workers made {len(found)} runs, one made {len(expected)}"
        alone.append(one)
        together.append(two)
    return per_second("two workers, four partitions, beside one", events, together, alone, target=1.15)


async def _run(servers: Servers, url: str, folder: Path, workers: int, events: int) -> float:
    settings = settings_of(servers, url, replay=True, prefix=f"workers-{uuid.uuid4().hex[:8]}.")
    await upgrade(settings)
    log = await open_log(settings, wall_clock)
    try:
        with _working(settings.topic_prefix, servers, url, folder, workers):
            return await _taken(log, url, workers, events)
    finally:
        await log.close()


async def _taken(log: Log, url: str, workers: int, events: int) -> float:
    async with connected(url) as connection:
        # The second one takes its share from the first, which raises its epochs.
        wanted = PARTITIONS if workers == 1 else PARTITIONS + PARTITIONS // 2
        await _until(connection, _SHARED, PARTITIONS, wanted)
        began = time.perf_counter()
        await _write(log, events)
        await _until(connection, DONE, events + PARTITIONS)
        return time.perf_counter() - began


async def _write(log: Log, events: int) -> None:
    await append_plays(log)
    await append_events(log, generate(events, max(10, events // 100)))


@contextmanager
def _working(prefix: str, servers: Servers, url: str, folder: Path, workers: int) -> Iterator[None]:
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(workers):
            environment = {
                "PATH": os.defpath,
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
                "DATABASE_URL": url,
                "SUCCESSPLAYS_TOPIC_PREFIX": prefix,
                "SUCCESSPLAYS_PARTITIONS": str(PARTITIONS),
                "SUCCESSPLAYS_REPLAY": "1",
                "SUCCESSPLAYS_SESSION_TIMEOUT": "6",
                "SUCCESSPLAYS_DATA": str(folder / f"worker-{number}"),
                "SUCCESSPLAYS_PORT": str(free_port()),
            }
            with (folder / f"worker-{number}.log").open("ab") as out:
                processes.append(subprocess.Popen([*COMMAND, "rules"], env=environment, stdout=out, stderr=out))
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


async def _until(connection: Any, query: str, *values: int) -> None:
    while not await connection.fetchval(query, *values):  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.05)
