"""The console on a real database and a real embedded log, asked over HTTP without a socket."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.app import create_app
from services.console.outbox import Publisher
from services.console.parts import Parts
from shared.clock import wall_clock
from shared.db.key_store import create_key
from shared.instants import show_instant
from shared.key_ring import KeyRing, keys_in
from shared.keys import hash_key, make_key
from shared.log import open_log
from shared.log.contract import Log, LogUnavailable
from shared.records import EventsRecord, decode_events_record
from shared.topics import EVENTS
from shared.workspace.problems import Problem
from tests.conftest import SettingsFor

SECRET = b"of this test"
PARTITIONS = 2
NOW = 1_767_225_600_000_000  # 2026-01-01


@dataclass
class CheckedPlay:
    name: str
    document: dict[str, Any]
    source: str


@dataclass
class Checked:
    problems: list[Problem] = field(default_factory=list)
    workspace: dict[str, Any] = field(default_factory=dict)
    plays: list[CheckedPlay] = field(default_factory=list)
    listening: dict[str, int] = field(default_factory=dict)


def check(files: dict[str, str]) -> Checked:
    """A language of one rule: a play says anything but `bad`, or is JSON; `successplays.yaml` names one destination."""
    checked = Checked(workspace={"destinations": {}})
    for file, text in files.items():
        name = file.removeprefix("plays/").removesuffix(".yaml")
        if text == "bad":
            checked.problems.append(Problem(file, 1, 1, "it says bad"))
        elif file == "successplays.yaml":
            checked.workspace = {"destinations": {text: {"kind": "webhook"}}}
        else:
            document = json.loads(text) if text.startswith("{") else {"title": text}
            checked.plays.append(CheckedPlay(name, {"play": name, **document}, text))
    return checked


async def explain(
    database: AsyncEngine, play: str, account_id: str, subject: str | None = None, at: int | None = None
) -> dict[str, Any]:
    """An answer about anything: it is true since ever."""
    told: dict[str, Any] = {"kind": "silence", "verdict": True, "words": "quiet", "evidence": {}, "lacking": [], "clauses": []}
    about = {"play": play, "version": 1, "title": "", "mode": "live", "per": "account", "account_id": account_id}
    found = {"verdict": True, "lacking": [], "reasons": [], "audience": None, "condition": told, "resolve_when": None}
    shown = show_instant(NOW if at is None else at)
    return about | found | {"subject": subject or account_id, "at": shown, "next": None, "subjects": None, "more_subjects": False}


class UnsteadyLog:
    """The embedded log, which can be taken away for a while."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.away = False
        self.replay = log.replay
        self.partitions = log.partitions
        self.subscribe = log.subscribe
        self.ready = log.ready

    async def append(self, *given: Any) -> Any:
        if self.away:
            raise LogUnavailable("taken away by the test")
        return await self._log.append(*given)


@dataclass
class Console:
    """The API as `ask` sees it, and what stands behind it."""

    http: httpx.AsyncClient
    database: AsyncEngine
    log: UnsteadyLog
    parts: Parts
    keys: dict[str, str]

    async def ask(self, method: str, path: str, kind: str = "admin", **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[kind]}"}
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **given)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        answer = await self.ask("POST", path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def apply(self, plays: dict[str, str], **given: Any) -> dict[str, str]:
        """Apply `{name: title}`; what it changed."""
        files = {f"plays/{name}.yaml": text for name, text in plays.items()}
        outcome = await self.post("/plays/apply", {"files": files, **given})
        return {change["play"]: change["change"] for change in outcome["plays"]}

    async def records(self) -> dict[int, list[EventsRecord]]:
        """Everything in topic `events`, by partition."""
        read = await self.values(EVENTS)
        return {partition: [decode_events_record(value) for value in values] for partition, values in read.items()}

    async def values(self, topic: str) -> dict[int, list[bytes]]:
        """Everything in a topic, as it is there, by partition."""

        async def from_the_beginning(partitions: frozenset[int]) -> dict[int, int]:
            return dict.fromkeys(partitions, 0)

        async def nothing(_: frozenset[int]) -> None:
            return

        read: dict[int, list[bytes]] = {partition: [] for partition in range(PARTITIONS)}
        async with self.log.subscribe(topic, "test", from_the_beginning, nothing) as subscription:
            while True:
                polled = await subscription.poll(1_000, 0.05)
                for partition, records in polled.items():
                    read[partition] += [record.value for record in records]
                ends = await subscription.end_offsets()
                if all(len(read[partition]) == end for partition, end in ends.items()):
                    return read


MakeConsole = Callable[..., Awaitable[Console]]


async def _keys(database: AsyncEngine) -> dict[str, str]:
    made = {kind: make_key(kind, now=NOW) for kind in ("read", "apply", "run", "admin", "write")}
    async with database.begin() as connection:
        for text, key in made.values():
            await create_key(connection, key, hash_key(text, SECRET))
    return {kind: text for kind, (text, _) in made.items()}


@pytest.fixture
async def make_console(database: AsyncEngine, settings_for: SettingsFor) -> AsyncIterator[MakeConsole]:
    """A console on this test's database; `replay=True` opens its log for replay."""
    opened: list[Any] = []

    async def make(**fields: Any) -> Console:
        log = await open_log(settings_for(partitions=PARTITIONS, **fields), wall_clock)
        opened.append(log.close)
        unsteady: Any = UnsteadyLog(log)
        ring = KeyRing(SECRET, keys_in(database))
        parts = Parts(database, unsteady, check, explain, lambda: NOW, ring, SECRET, Publisher(database, unsteady))
        transport = httpx.ASGITransport(create_app(parts))
        http = httpx.AsyncClient(transport=transport, base_url="http://console.example")
        opened.append(http.aclose)
        return Console(http, database, unsteady, parts, await _keys(database))

    yield make
    for close in reversed(opened):
        await close()


@pytest.fixture
async def console(make_console: MakeConsole) -> Console:
    return await make_console()
