"""A vendor that sends: ingest with one source configured, and requests signed as that vendor signs them.

Each `test_<kind>.py` beside this file says in `VENDOR` how its vendor signs; `test_conformance.py` walks over all of them.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.receiving.configured import ConfiguredSources
from services.ingest.sources.contract import sources
from shared.instants import SECOND, Instant
from shared.log.contract import Entry
from shared.records import JsonObject, Notification, decode_notification
from tests.ingest.conftest import NOW, RememberedJournal, ring

SECRET, OLD_SECRET, TOKEN = "a secret that a vendor signs with", "the one before it", "a-token-that-nobody-guesses"

# From the body, the secret and the instant: the headers that prove it.
Sign = Callable[[bytes, str, Instant], Mapping[str, str]]


@dataclass(frozen=True)
class Vendor:
    """How a vendor proves itself. `sign` is absent where it does not sign: then the URL ends with a token."""

    kind: str
    sign: Sign | None = None
    # Whether the signature covers an instant, which must be of now.
    timestamped: bool = False
    # Whether it covers the body; else it is a key that is the same for every request.
    signs_body: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class SourcesJournal(RememberedJournal):
    """Also keeps what has to be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.notified: list[Notification] = []

    async def append(self, topic: str, entries: Any) -> list[tuple[int, int]]:
        if topic == "notifications" and not self.away:
            self.notified += [decode_notification(entry.value) for entry in entries]
            return [(0, 0) for _ in entries]
        return await super().append("events", entries)


class Sender:
    """Sends to one source; `journal` has what came of it."""

    def __init__(self, vendor: Vendor, client: httpx.AsyncClient, journal: SourcesJournal) -> None:
        self.vendor = vendor
        self.journal = journal
        self.client = client

    @property
    def example(self) -> bytes:
        return sources()[self.vendor.kind].examples[0]

    def headers(self, body: bytes, secret: str = SECRET, at: Instant = NOW) -> dict[str, str]:
        signed = {} if self.vendor.sign is None else self.vendor.sign(body, secret, at)
        return {**self.vendor.headers, **signed}

    async def send(self, body: bytes, headers: Mapping[str, str] | None = None, token: str = TOKEN) -> httpx.Response:
        path = f"/v1/sources/{self.vendor.kind}" + ("" if self.vendor.sign is not None or not token else f"/{token}")
        sent = self.headers(body) if headers is None else headers
        return await self.client.post(
            path, content=body, headers=[(name.encode(), text.encode("latin-1")) for name, text in sent.items()]
        )

    @property
    def entries(self) -> list[Entry]:
        return self.journal.entries


def document(vendor: Vendor, tmp_path: Any) -> JsonObject:
    """A workspace with this source, its secrets in files."""
    for name, text in (("secret", SECRET), ("old", OLD_SECRET), ("token", TOKEN)):
        (tmp_path / name).write_text(text)
    proof: dict[str, Any] = {"token": f"file:{tmp_path / 'token'}"}
    if vendor.sign is not None:
        proof = {"secret": [f"file:{tmp_path / 'secret'}", f"file:{tmp_path / 'old'}"]}
    return {"sources": {vendor.kind: {**proof, **vendor.settings}}}


@asynccontextmanager
async def sending(vendor: Vendor, tmp_path: Any, **settings: Any) -> AsyncIterator[Sender]:
    """A vendor, and ingest with it as a source; `settings` go over the vendor's."""
    journal = SourcesJournal()
    written = document(vendor, tmp_path)
    written["sources"][vendor.kind].update(settings)

    async def newest(known: int) -> tuple[int, JsonObject] | None:
        return None if known else (1, written)

    app = create_app(journal, ring(), lambda: NOW, CollectorRegistry(), configured=ConfiguredSources(newest))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client:
        yield Sender(vendor, client, journal)


def seconds(instant: Instant) -> str:
    return str(instant // SECOND)
