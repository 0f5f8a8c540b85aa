"""A rules worker on each database and each log, and what the tests ask of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.catalog import MakeEngine
from services.rules.worker import Bounds, Worker
from shared.clock import Clock, wall_clock
from shared.db import tables
from shared.log import open_log
from shared.log.contract import Assigned, Entry, Log, LogUnavailable, Revoked, Subscription
from shared.records import Event, EventsRecord, JsonObject, as_json, decode_events_record, decode_runs_record, encode
from shared.settings import Settings
from shared.topics import EVENTS, RUNS
from tests.conftest import SettingsFor
from tests.rules.shell.counting import Counting

PATIENCE = 20.0
QUICK = Bounds(poll=0.05, pause=0.02, longest_pause=0.1, without_log=2.0)


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await true():
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"never: {what}")
        await asyncio.sleep(0.02)


class WatchedLog:
    """A log that remembers what was appended, and can be told to take nothing, as if it were away."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.replay = log.replay
        self._appended: dict[tuple[str, int, int], bytes] = {}
        self.refused_topics: set[str] = set()

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        if topic in self.refused_topics:
            raise LogUnavailable(f"topic {topic} is away in this test")
        places = await self._log.append(topic, entries)
        for (partition, offset), entry in zip(places, entries, strict=True):
            self._appended[(topic, partition, offset)] = entry.value
        return places

    def values(self, topic: str) -> list[bytes]:
        """What was appended to a topic, by partition, in order."""
        return [value for (name, _, _), value in sorted(self._appended.items()) if name == topic]

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition to which something was appended."""
        ends: dict[int, int] = {}
        for name, partition, offset in self._appended:
            if name == topic:
                ends[partition] = max(ends.get(partition, 0), offset + 1)
        return ends

    async def partitions(self, topic: str) -> int:
        return await self._log.partitions(topic)

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> Subscription:
        return self._log.subscribe(topic, group, assigned, revoked)

    async def create_topics(self) -> None:
        await self._log.create_topics()

    async def ready(self) -> bool:
        return await self._log.ready()

    async def go_live(self) -> None:
        await self._log.go_live()
        self.replay = self._log.replay

    async def close(self) -> None:
        await self._log.close()


class Scene:
    """A log, a database, and workers between them."""

    def __init__(self, database: AsyncEngine, log: Log, one_partition: bool = False) -> None:
        """With `one_partition` everything that is sent goes to partition 0, so that each record moves the time of all."""
        self.database = database
        self.log = WatchedLog(log)
        self._partition = 0 if one_partition else None
        self._number = 0

    def event(
        self, name: str = "report.exported", account: str | None = "acme", properties: JsonObject | None = None, **fields: Any
    ) -> Event:
        """An event; the ones without an id get different ones."""
        self._number += 1
        named = {"id": f"e{self._number}", "name": name, "source": "test", "account_id": account}
        return Event(**{**named, **fields}, properties_json=as_json(properties or {}))

    async def send(self, *records: EventsRecord | tuple[str, bytes], at: int | None = None) -> None:
        """Append records, each under its own key; raw ones as (key, value)."""
        entries = [self._entry(record, at) for record in records]
        await self.log.append(EVENTS, entries)

    def _entry(self, record: EventsRecord | tuple[str, bytes], at: int | None) -> Entry:
        if isinstance(record, tuple):
            return Entry(*record, self._partition, at)
        key = getattr(record, "account_id", None) or getattr(record, "about", None) or ""
        return Entry(getattr(record, "alias", key), encode(record), self._partition, at)

    async def tell_all(self, record: EventsRecord) -> None:
        """Append a record to every partition."""
        count = await self.log.partitions(EVENTS)
        await self.log.append(EVENTS, [Entry("", encode(record), partition) for partition in range(count)])

    @asynccontextmanager
    async def working(
        self, make_engine: MakeEngine = Counting, clock: Clock = wall_clock, bounds: Bounds = QUICK
    ) -> AsyncIterator[Worker]:
        """A worker at work."""
        stop = asyncio.Event()
        worker = Worker(self.database, self.log, clock, stop, make_engine=make_engine, bounds=bounds)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)

    async def events(self) -> list[EventsRecord]:
        """The records of topic events, those of each partition in order."""
        return [decode_events_record(value) for value in self.log.values(EVENTS)]

    async def runs(self) -> list[Any]:
        """The records of topic runs."""
        return [decode_runs_record(value) for value in self.log.values(RUNS)]

    async def settled(self) -> None:
        """Wait until every record is taken and every outbox empty."""

        async def is_settled() -> bool:
            # In this order: a commit between the two would otherwise be seen without what it has yet to publish.
            rows = await self.rows(tables.partition, topic=EVENTS)
            if await self.count(tables.outbox):
                return False
            done = {row["partition"]: row["next_offset"] for row in rows}
            return all(done.get(partition, 0) >= end for partition, end in self.log.ends(EVENTS).items())

        await until(is_settled, "everything taken")

    async def rows(self, table: Table, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        async with self.database.begin() as connection:
            return [dict(row._mapping) for row in await connection.execute(query)]

    async def count(self, table: Table, **where: Any) -> int:
        """How many rows."""
        query = select(func.count()).select_from(table).where(*(table.c[name] == value for name, value in where.items()))
        async with self.database.begin() as connection:
            found: int = (await connection.execute(query)).scalar_one()
        return found


@pytest.fixture(params=["embedded", "servers"])
def backend(request: pytest.FixtureRequest) -> str:
    """The two ways in which it is run: the embedded log and SQLite, or Kafka and PostgreSQL."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> str:
    """A database of this test's own."""
    url: str = request.getfixturevalue("sqlite_url" if backend == "embedded" else "postgres_url")
    return url


@pytest.fixture
def log_settings(backend: str, request: pytest.FixtureRequest, settings_for: SettingsFor) -> Settings:
    """A log of this test's own."""
    servers = None if backend == "embedded" else request.getfixturevalue("kafka")
    return settings_for(kafka_bootstrap_servers=servers, topic_prefix=f"test-{uuid.uuid4().hex[:12]}.")


@pytest.fixture
async def scene(database: AsyncEngine, log: Log) -> Scene:
    """On each backend."""
    return Scene(database, log)


@pytest.fixture
async def replay_log(log_settings: Settings) -> AsyncIterator[Log]:
    """A log of each kind, opened for replay."""
    opened = await open_log(log_settings.model_copy(update={"replay": True}), wall_clock)
    yield opened
    await opened.close()
