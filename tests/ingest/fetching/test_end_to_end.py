"""From a webhook that names a ticket to a run for the ticket's account: ingest, the vendor's API, the log and rules, all real."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.app import create_app
from services.ingest.fetching.fetcher import Limits
from services.ingest.fetching.main import run_fetching
from services.ingest.receiving.configured import ConfiguredSources, sources_in
from services.rules.worker import Bounds, Worker
from shared.clock import wall_clock
from shared.db import tables
from shared.db.database import upgrade
from shared.db.notification_table import notification
from shared.instants import HOUR, SECOND, Instant
from shared.log.contract import Entry, Log
from shared.log.embedded import EmbeddedLog
from shared.records import Applied, AppliedPlay, Event, Mapping, Notification, as_json, encode
from shared.settings import Settings
from shared.topics import EVENTS, NOTIFICATIONS
from tests.conftest import SettingsFor, opened
from tests.ingest.conftest import ring
from tests.ingest.fetching.hubspot_api import OBJECTS, SECRET, URL, ticket_created
from tests.ingest.fetching.scene import OK, TOKEN, VendorApi, until, vendor_api

PLAY = {"play": "urgent-tickets", "when": {"event": {"of": "ticket.created", "where": {"properties.priority": "high"}}}}


class AheadClock:
    """The wall's clock, and so much further as the test says."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> Instant:
        return wall_clock() + self.ahead


class HangingLog:
    """A log that appends an event, and does not come back to say so."""

    def __init__(self, log: Log) -> None:
        self.replay = log.replay
        self.subscribe = log.subscribe
        self.ready = log.ready
        self.appended = asyncio.Event()
        self.released = asyncio.Event()
        self._log = log

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        places = await self._log.append(topic, entries)
        self.appended.set()
        await self.released.wait()
        return places


@pytest.fixture(params=["embedded", "servers"])
def backend(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if backend == "embedded" else "postgres_url")
    return url


@pytest.fixture
def log_settings(backend: str, request: pytest.FixtureRequest, settings_for: SettingsFor) -> Settings:
    servers = None if backend == "embedded" else request.getfixturevalue("kafka")
    return settings_for(kafka_bootstrap_servers=servers, topic_prefix=f"test-{uuid.uuid4().hex[:12]}.")


class Deployment:
    """Ingest and rules on one log and one database, with HubSpot as a source and a play about urgent tickets."""

    def __init__(self, database: AsyncEngine, log: Log, vendor: VendorApi, folder: Path) -> None:
        self.database = database
        self.log = log
        self.vendor = vendor
        self.clock = AheadClock()
        self.stop = asyncio.Event()
        self.configured = ConfiguredSources(sources_in(database))
        self._folder = folder
        self._created_at = wall_clock()
        app = create_app(log, ring(), wall_clock, CollectorRegistry(), configured=self.configured)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest")

    async def prepare(self) -> None:
        """Apply the workspace, and say whose the company in HubSpot is."""
        (self._folder / "secret").write_text(SECRET)
        (self._folder / "token").write_text(TOKEN)
        api = {"token": f"file:{self._folder / 'token'}", "base_url": self.vendor.url, "private_network": "allowed", "rate": 100}
        hubspot = {"secret": f"file:{self._folder / 'secret'}", "url": URL, "api": api}
        async with self.database.begin() as connection:
            row = {"version": 1, "document": {"sources": {"hubspot": hubspot}}, "applied_at": 0, "applied_by": "test"}
            await connection.execute(insert(tables.workspace).values(**row))
        applied = encode(Applied(plays=[AppliedPlay(play="urgent-tickets", version=1, document=PLAY)]))
        partitions = await self.log.partitions(EVENTS)
        await self.log.append(EVENTS, [Entry("", applied, partition) for partition in range(partitions)])
        known = Mapping(alias="hubspot:company:99", account_id="acme")
        await self.log.append(EVENTS, [Entry(known.alias, encode(known))])

    @asynccontextmanager
    async def fetching(self, log: Any = None, **limits: Any) -> AsyncIterator[None]:
        """One process that fetches."""
        stop = asyncio.Event()
        told = Limits(poll=0.05, **limits)
        running = asyncio.create_task(
            run_fetching(self.database, log or self.log, self.configured, self.clock, stop, limits=told, jitter=lambda: 0.0)
        )
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)

    @asynccontextmanager
    async def ruling(self) -> AsyncIterator[None]:
        """One worker of rules."""
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(self.database, self.log, wall_clock, stop, bounds=Bounds(poll=0.05)).run())
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)

    async def hears_of_a_ticket(self) -> None:
        """HubSpot calls."""
        body, headers = ticket_created(self._created_at, wall_clock())
        answer = await self.client.post("/v1/sources/hubspot", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(select(table)))

    async def has_run(self) -> bool:
        return bool(await self.rows(tables.run))

    async def has_later(self) -> bool:
        return any(row.name == "later.came" for row in await self.rows(tables.event))

    async def has_asked(self) -> bool:
        return "5012" in self.vendor.asked

    async def has_asked_twice(self) -> bool:
        return self.vendor.asked.count("5012") >= 2

    async def nothing_waits(self) -> bool:
        return not await self.rows(notification)

    async def happened(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """The events of accounts, and the runs."""
        events = [(row.name, row.account_id) for row in await self.rows(tables.event)]
        return sorted(events, reverse=True), [(row.play, row.account_id) for row in await self.rows(tables.run)]


TICKET_CREATED = Notification(
    id="5012", source="hubspot", thing="ticket:5012", vendor=as_json({"objectId": 5012}), received_at=wall_clock()
)
LATER = Event(id="later", name="later.came", source="test", account_id="acme")
ONCE = ([("ticket.created", "acme")], [("urgent-tickets", "acme")])


@pytest.fixture
async def deployment(database: AsyncEngine, log: Log, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with vendor_api() as vendor:
        vendor.objects = OBJECTS
        made = Deployment(database, log, vendor, tmp_path)
        await made.prepare()
        async with made.client:
            yield made


async def test_a_ticket_that_hubspot_only_names_opens_a_run_for_its_account(deployment: Deployment) -> None:
    async with deployment.ruling(), deployment.fetching():
        await deployment.hears_of_a_ticket()
        await until(deployment.has_run)
        # HubSpot was not sure that we heard it.
        await deployment.hears_of_a_ticket()
        await until(deployment.nothing_waits)
    assert await deployment.happened() == ONCE


async def test_hubspot_is_away_for_an_hour_first(deployment: Deployment) -> None:
    deployment.vendor.says(503)
    async with deployment.ruling(), deployment.fetching():
        await deployment.hears_of_a_ticket()

        async def has_failed() -> bool:
            return any(row.failures for row in await deployment.rows(notification))

        await until(has_failed)
        deployment.vendor.says(OK)
        deployment.clock.ahead = HOUR
        await until(deployment.has_run)
    assert await deployment.happened() == ONCE
    (event,) = await deployment.rows(tables.event)
    assert wall_clock() - event.occurred_at < HOUR


async def test_a_process_that_stops_between_the_log_and_the_database_counts_once(deployment: Deployment) -> None:
    stuck = HangingLog(deployment.log)
    async with AsyncExitStack() as running:
        await running.enter_async_context(deployment.ruling())
        await running.enter_async_context(deployment.fetching(stuck, lease=SECOND))
        await deployment.hears_of_a_ticket()
        await asyncio.wait_for(stuck.appended.wait(), 20)
        # Its lease runs out, and another process does it all again.
        await running.enter_async_context(deployment.fetching())
        await until(deployment.nothing_waits)
        stuck.released.set()
        await until(deployment.has_run)
        await deployment.log.append(EVENTS, [Entry("acme", encode(LATER))])
        await until(deployment.has_later)
    assert await deployment.has_asked_twice()
    assert await deployment.happened() == ([*ONCE[0], ("later.came", "acme")], ONCE[1])


async def test_nothing_is_read_or_asked_while_no_source_has_an_api(tmp_path: Path, database: AsyncEngine) -> None:
    log = EmbeddedLog(tmp_path / "log", wall_clock, ("notifications",), 1, replay=False)
    await log.create_topics()
    stop = asyncio.Event()
    running = asyncio.create_task(run_fetching(database, log, ConfiguredSources(sources_in(database)), wall_clock, stop))
    done, _ = await asyncio.wait({running}, timeout=0.5)
    assert not done
    async with database.begin() as connection:
        assert (await connection.execute(select(tables.partition))).all() == []
    stop.set()
    await asyncio.wait_for(running, 10)
    await log.close()


async def test_it_begins_when_the_database_is_there(tmp_path: Path, settings_for: SettingsFor) -> None:
    settings = settings_for()
    log = EmbeddedLog(tmp_path / "log", wall_clock, (EVENTS, NOTIFICATIONS), 1, replay=False)
    await log.create_topics()
    async with opened(settings) as database, vendor_api() as vendor:
        vendor.objects = OBJECTS
        deployment = Deployment(database, log, vendor, tmp_path)
        async with deployment.fetching():
            await log.append(NOTIFICATIONS, [Entry("hubspot:ticket:5012", encode(TICKET_CREATED))])
            assert vendor.asked == []
            await upgrade(settings)
            await deployment.prepare()
            await until(deployment.has_asked)
            await until(deployment.nothing_waits)
    await log.close()
