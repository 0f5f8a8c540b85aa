"""A sender, its key, and a journal that remembers: what the tests of ingest say things with."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.sender import Sender
from shared.clock import wall_clock
from shared.instants import parse_instant
from shared.key_ring import KeyRing
from shared.keys import ApiKey, given_key
from shared.log.contract import Entry, LogUnavailable
from shared.records import Event, EventsRecord, Mapping, decode_events_record
from tests.ingest.serving import served

NOW = parse_instant("2026-03-01T12:00:00Z")
KEY = "a key for tests"


class RememberedJournal:
    """Keeps what is appended; `away` is a log that does not answer."""

    def __init__(self) -> None:
        self.replay = False
        self.away = False
        self.tries = 0
        self.appends: list[list[Entry]] = []

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        assert topic == "events"
        self.tries += 1
        if self.away:
            raise LogUnavailable("nobody is at home")
        self.appends.append(list(entries))
        return [(0, offset) for offset in range(len(entries))]

    async def ready(self) -> bool:
        return not self.away

    def wait_until_tried(self, times: int = 1, seconds: float = 10) -> None:
        """Until so many appends were tried, whatever came of them; for tests whose server is in another thread."""
        deadline = time.monotonic() + seconds
        while self.tries < times and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.tries >= times

    @property
    def entries(self) -> list[Entry]:
        return [entry for entries in self.appends for entry in entries]

    @property
    def records(self) -> list[tuple[str, EventsRecord]]:
        return [(entry.key, decode_events_record(entry.value)) for entry in self.entries]

    @property
    def events(self) -> list[Event]:
        return [record for _, record in self.records if isinstance(record, Event)]

    @property
    def mappings(self) -> list[tuple[str, Mapping]]:
        return [(key, record) for key, record in self.records if isinstance(record, Mapping)]


async def no_key(_hashed: bytes) -> ApiKey | None:
    return None


def ring(*keys: tuple[str, ApiKey]) -> KeyRing:
    return KeyRing(b"a secret of this test's own", no_key, dict(keys))


def key_with(**fields: object) -> ApiKey:
    return msgspec.structs.replace(given_key("write", source="backend"), **fields)


def sender_with(*, replay: bool = False, **fields: object) -> Sender:
    """Who sends, at NOW; ids it needs are `new`."""
    return Sender(key_with(**fields), NOW, replay, lambda: "new")


@pytest.fixture
def journal() -> RememberedJournal:
    return RememberedJournal()


@pytest.fixture
def host(journal: RememberedJournal) -> Iterator[str]:
    """Ingest on a real port: what SDKs are pointed at. KEY may everything; its source is `backend`."""
    with served(lambda: create_app(journal, ring((KEY, key_with())), wall_clock, CollectorRegistry())) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def client_of(journal: RememberedJournal, key: ApiKey) -> AsyncIterator[httpx.AsyncClient]:
    ids = iter(f"id-{number}" for number in range(1, 10_000))
    app = create_app(journal, ring((KEY, key)), lambda: NOW, CollectorRegistry(), lambda: next(ids))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest", headers=headers) as client:
        yield client


@pytest.fixture
async def client(journal: RememberedJournal) -> AsyncIterator[httpx.AsyncClient]:
    """Ingest in this process, asked with a key that may everything; its source is `backend`."""
    async with client_of(journal, key_with()) as open_client:
        yield open_client
