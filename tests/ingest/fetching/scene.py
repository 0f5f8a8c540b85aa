"""What these tests are made of: a vendor on 127.0.0.1, a clock that is set by hand, and what fetches from one for the other."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching.consumer import Consumer
from services.ingest.fetching.fetcher import Fetcher, Limits
from services.ingest.fetching.metrics import Metrics
from services.ingest.receiving.configured import ConfiguredSources
from shared.db.notification_table import notification
from shared.db.tables import dead_letter
from shared.instants import show_instant
from shared.log.contract import Record
from shared.outbound.http import Http
from shared.records import JsonObject, Notification, as_json, encode
from tests.ingest.conftest import NOW, RememberedJournal

TOKEN = "the token of the API"
OK = 200


@dataclass
class VendorApi:
    """A vendor's API. `answers` are given in turn, the last one again and again; 200 is the object, or Zendesk's ticket."""

    port: int = 0
    token: str = TOKEN
    answers: list[int | tuple[int, dict[str, str]]] = field(default_factory=lambda: [OK])
    # By path; where there are none, it is Zendesk's.
    objects: dict[str, JsonObject] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    # Closed: whoever asks waits until it is opened.
    door: asyncio.Event = field(default_factory=asyncio.Event)
    answering: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, *answers: int | tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (mine := asyncio.current_task()) is not None:
            self.answering.add(mine)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                path = lines[0].split(" ")[1].partition("?")[0]
                self.asked.append(path.rpartition("/")[2])
                await self.door.wait()
                status, more, body = self._answer(path, headers)
                told = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in more.items())]
                writer.write(("\r\n".join(told) + "\r\n\r\n").encode() + body)
                await writer.drain()

    def _answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        number = path.rpartition("/")[2]
        if headers["authorization"] not in (f"Basic {_encoded(self.token)}", f"Bearer {self.token}"):
            return 401, {}, b'{"error": "Couldn\'t authenticate you"}'
        if number in self.forbidden:
            return 403, {}, b"{}"
        said = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        status, more = said if isinstance(said, tuple) else (said, {})
        return status, more, json.dumps(self._object(path)).encode() if status == OK else b"{}"

    def _object(self, path: str) -> JsonObject:
        return self.objects[path] if self.objects else a_ticket(path.rpartition("/")[2])


def _encoded(token: str) -> str:
    return base64.b64encode(f"ana@acme.example/token:{token}".encode()).decode()


def a_ticket(number: str) -> JsonObject:
    ticket = {"id": int(number), "requester_id": 7, "organization_id": 99, "priority": "urgent"}
    users = [{"id": 7, "email": "Ana@Acme.example"}]
    return {"ticket": ticket, "users": users, "organizations": [{"id": 99, "external_id": "acme"}]}


@asynccontextmanager
async def vendor_api(port: int = 0) -> AsyncIterator[VendorApi]:
    vendor = VendorApi()
    vendor.door.set()
    server = await asyncio.start_server(vendor.answer, "127.0.0.1", port)
    vendor.port = server.sockets[0].getsockname()[1]
    try:
        yield vendor
    finally:
        server.close()
        for task in vendor.answering:
            task.cancel()
        await asyncio.gather(*vendor.answering, return_exceptions=True)


def a_body(number: int, event: str = "01JH", kind: str = "created") -> JsonObject:
    """As Zendesk sends it: it says whose ticket it is only by numbers."""
    detail = {"id": str(number), "status": "NEW", "priority": "URGENT", "requester_id": "7"}
    body = {"id": f"{event}-{number}", "subject": f"zen:ticket:{number}", "type": f"zen:event-type:ticket.{kind}"}
    return {**body, "time": show_instant(NOW), "detail": detail, "event": {}}


def a_notification(number: int, event: str = "01JH", source: str = "zendesk", **more: Any) -> Notification:
    body = a_body(number, event)
    given = {"id": body["id"], "thing": body["subject"], "occurred_at": NOW, **more}
    return Notification(source=source, vendor=as_json(body), received_at=NOW, **given)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_time(self, duration: int) -> None:
        self.now += duration


class Scene:
    """A database with a consumer that has partition 0, sources that are asked, and a journal for what becomes of it."""

    def __init__(self, database: AsyncEngine, folder: Path, **limits: Any) -> None:
        self.database = database
        self.clock = SetClock()
        self.journal = RememberedJournal()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.wake = asyncio.Event()
        self.http = Http(deadline=limits.pop("call", 5))
        self.limits = Limits(**limits)
        self.sources: JsonObject = {}
        self.secret = folder / "token"
        self.secret.write_text(TOKEN)
        self._version = 0
        self.configured = ConfiguredSources(self._newest, lambda: self._version * 10.0)
        self.fetcher = self.another_fetcher()
        self.consumer = Consumer(database, None, self.clock, self.wake)  # type: ignore[arg-type]
        self.offset = 0

    def another_fetcher(self) -> Fetcher:
        return Fetcher(
            self.database,
            self.journal,
            self.configured,
            self.clock,
            self.http,
            jitter=lambda: 0.0,
            wake=self.wake,
            metrics=self.metrics,
            limits=self.limits,
        )

    def source(self, vendor: VendorApi, name: str = "zendesk", **settings: Any) -> None:
        """A source of the workspace; `settings` are of its `api`."""
        api = {"base_url": vendor.url, "user": "ana@acme.example/token", "password": f"file:{self.secret}"}
        asked = {**api, "private_network": "allowed", "rate": 1000, **settings}
        self.sources[name] = {"kind": "zendesk", "secret": "env:ANY", "api": asked}
        self._version += 1

    async def _newest(self, known: int) -> tuple[int, JsonObject] | None:
        return (self._version, {"sources": self.sources}) if self._version > known else None

    async def told(self, *notifications: Notification | bytes) -> None:
        """The consumer reads these records."""
        if not self.offset:
            await self.consumer._assigned(frozenset({0}))
        values = [each if isinstance(each, bytes) else encode(each) for each in notifications]
        batch = [Record(0, self.offset + index, self.clock(), "", value) for index, value in enumerate(values)]
        await self.consumer.take({0: batch})
        self.offset += len(values)

    async def work(self, fetcher: Fetcher | None = None) -> None:
        """Everything that is due by now is fetched, and what follows from it at once."""
        working = fetcher or self.fetcher
        working._swept_at = working._counted_at = 0
        await working.sweep()
        while await working.begin_due():
            await working.settle()

    async def after(self, duration: int) -> None:
        """So much time passes; then what is due is fetched."""
        self.clock.pass_time(duration)
        await self.work()

    @property
    def events(self) -> list[tuple[str, str]]:
        """The events in the log: name and ticket."""
        return [(event.name, event.properties["ticket_id"]) for event in self.journal.events]

    async def waiting(self) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(select(notification).order_by(notification.c.position)))

    async def letters(self) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(select(dead_letter).order_by(dead_letter.c.created_at)))

    def measured(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"successplays_ingest_{name}", labels)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Poll until the condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)
