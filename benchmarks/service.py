"""The rules service on Kafka and PostgreSQL, beside a loop by hand of the same durability.

Both read the same log from its beginning, each time into a new database. The log is written once, in four partitions, with the
writer's times. What is measured is the time until every record is taken, and every deadline before the log's end, and all of it
is committed and published. Both must have made the same runs.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.engine import applied_plays
from benchmarks.generate import BEGIN, generate
from benchmarks.kept_floor import TABLES, KeptFloor
from benchmarks.table import Result, per_second
from scripts import kafka, postgres
from services.rules.main import run_worker
from shared.clock import wall_clock
from shared.db.database import open_database, upgrade
from shared.log import open_log
from shared.log.contract import Entry, Log
from shared.records import Applied, Event, encode
from shared.settings import Settings, read_settings
from shared.topics import EVENTS, RUNS

PARTITIONS = 4
WRITTEN_AT_ONCE = 20_000
PREFIX = "benchmark."
FOUND = "SELECT play, account_id, opened_at, resolved_at FROM run ORDER BY opened_at, play, account_id"
DONE = (
    "SELECT (SELECT sum(next_offset) FROM partition) = $1 AND NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS "
    "(SELECT FROM subject JOIN partition USING (partition) WHERE next_deadline < at)"
)


class Servers(NamedTuple):
    """A broker and a database server, up for one benchmark."""

    bootstrap_servers: str
    postgres: str


def measure_service(events: int, repeats: int) -> Result:
    """Events a second of the rules service beside the loop's, in turns.

    Raises:
        AssertionError: the two did not make the same runs.
    """
    with TemporaryDirectory() as folder, kafka.start(Path(folder)) as broker, postgres.start(durable=True) as server:
        servers = Servers(broker.bootstrap_servers, server.url)
        return asyncio.run(_measure(servers, events, repeats))


async def _measure(servers: Servers, events: int, repeats: int) -> Result:
    records = await write_log(servers, events)
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(repeats):
        floor_seconds, expected = await in_new_database(servers, lambda url: _run_floor(servers, url, records))
        service_seconds, found = await in_new_database(servers, lambda url: run_service(servers, url, records))
        assert found == expected, f"only the service: {_only(found, expected)}; only the loop: {_only(expected, found)}"
        floors.append(floor_seconds)
        ours.append(service_seconds)
    return per_second("rules service, Kafka to PostgreSQL", events, ours, floors, target=0.7)


def _only(some: list[Any], others: list[Any]) -> list[Any]:
    return sorted(set(some) - set(others), key=str)[:20]


async def in_new_database(servers: Servers, work: Callable[[str], Awaitable[float]]) -> tuple[float, list[Any]]:
    """The seconds of `work` in a database of its own, and the runs in it."""
    name = f"benchmark_{uuid.uuid4().hex[:8]}"
    async with connected(servers.postgres) as administrator:
        await administrator.execute(f"CREATE DATABASE {name}")
    url = servers.postgres.rpartition("/")[0] + f"/{name}"
    seconds = await work(url)
    async with connected(url) as connection:
        runs = [tuple(row) for row in await connection.fetch(FOUND)]
    async with connected(servers.postgres) as administrator:
        await administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return seconds, runs


# ------------------------------------------------------------------ the log


def settings_of(servers: Servers, url: str, *, replay: bool, prefix: str = PREFIX) -> Settings:
    """Settings of a deployment on these servers."""
    return read_settings({
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "DATABASE_URL": url,
        "SUCCESSPLAYS_TOPIC_PREFIX": prefix,
        "SUCCESSPLAYS_PARTITIONS": str(PARTITIONS),
        "SUCCESSPLAYS_REPLAY": "1" if replay else "",
        "SUCCESSPLAYS_SESSION_TIMEOUT": "6",
    })  # fmt: skip


async def write_log(servers: Servers, events: int) -> int:
    """Write the plays into every partition, then the events; how many records that are."""
    log = await open_log(settings_of(servers, servers.postgres, replay=True), wall_clock)
    try:
        await append_plays(log)
        await append_events(log, generate(events, max(10, events // 100)))
    finally:
        await log.close()
    return events + PARTITIONS


async def append_plays(log: Log) -> None:
    """The four plays, into every partition."""
    applied = encode(Applied(plays=applied_plays().plays, listening_since=BEGIN))
    await log.append(EVENTS, [Entry("", applied, partition, BEGIN) for partition in range(PARTITIONS)])


async def append_events(log: Log, events: Iterable[Event]) -> None:
    """The events, each at the time at which it was received."""
    entries: list[Entry] = []
    for event in events:
        entries.append(entry_of(event))
        if len(entries) == WRITTEN_AT_ONCE:
            await log.append(EVENTS, entries)
            entries = []
    await log.append(EVENTS, entries)


def entry_of(event: Event) -> Entry:
    """The record as ingest writes it: its time is the log's."""
    at, event.received_at = event.received_at, 0
    return Entry(event.account_id or "", encode(event), None, at)


# ------------------------------------------------------------------ the two


async def run_service(servers: Servers, url: str, records: int) -> float:
    """The seconds in which one worker takes so many records and has committed and published what they make."""
    settings = settings_of(servers, url, replay=True)
    await upgrade(settings)
    database = await open_database(settings)
    log = await open_log(settings, wall_clock)
    stop = asyncio.Event()
    began = time.perf_counter()
    worker = asyncio.create_task(run_worker(settings, database, log, wall_clock, stop))
    try:
        async with connected(url) as connection:
            while not await connection.fetchval(DONE, records):
                assert not worker.done(), worker.result()
                await asyncio.sleep(0.05)
        return time.perf_counter() - began
    finally:
        stop.set()
        await worker
        await log.close()
        await database.dispose()


async def _run_floor(servers: Servers, url: str, records: int) -> float:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.bootstrap_servers, enable_auto_commit=False)
    producer = AIOKafkaProducer(bootstrap_servers=servers.bootstrap_servers, enable_idempotence=True)
    async with connected(url) as connection, consumer, producer:
        await connection.execute(TABLES)
        floor = KeptFloor(connection, consumer, producer, (PREFIX + EVENTS, PREFIX + RUNS))
        began = time.perf_counter()
        await floor.run(PARTITIONS, records)
        return time.perf_counter() - began


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection of one's own to a database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
