"""What the scenes of these tests are made of: runs, a clock that is set by hand, a tool that answers as told, and a worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.actions import store
from services.actions.carry import Carried
from services.actions.consumer import Consumer
from services.actions.ending import end_try
from services.actions.metrics import Metrics
from services.actions.rendering import People
from services.actions.store import Leased
from services.actions.worker import Limits, Worker
from shared.db.tables import attempt, dead_letter, delivery, task, workspace
from shared.instants import MINUTE, SECOND, parse_instant
from shared.log.contract import Log, Record
from shared.outbound.http import Http
from shared.records import Guard, RunOpened, RunResolved, RunsRecord, encode

MONDAY = parse_instant("2026-03-02T09:00:00Z")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TASK = {
    "task": {"to": "inbox", "title": "Call {{ account.name }}", "body": "From {{ evidence.baseline }} to {{ evidence.current }}"}
}


def task_to(destination: str, **fields: Any) -> dict[str, Any]:
    return {"task": {"to": destination, "title": "Call {{ account.name }}", **fields}}


def run_opened(*steps: dict[str, Any], run_id: str = "run-1", at: int = MONDAY, **fields: Any) -> RunOpened:
    given: dict[str, Any] = {
        "play": "usage-drop",
        "version": 3,
        "account_id": "acme",
        "subject": "acme",
        "evidence": {"baseline": 25.0, "current": 12, "drop": 0.52},
        "title": "Report exports are falling",
        # Scenes that are not about the guard have room for every run.
        "guard": Guard(max_runs=1_000_000),
        "account": {"id": "acme", "name": "Acme", "owner": "ana@acme.example", "mrr": 2000},
        **fields,
    }
    return RunOpened(run_id=run_id, opened_at=at, steps=list(steps), **given)


def run_resolved(
    run_id: str = "run-1", reason: str = "cleared", at: int = MONDAY + SECOND, account_id: str = "acme"
) -> RunResolved:
    return RunResolved(run_id=run_id, account_id=account_id, play="usage-drop", resolved_at=at, reason=reason)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int = MONDAY) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_time(self, duration: int) -> None:
        self.now += duration


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes
    # `POST /hook`
    line: str = ""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Answering = Callable[[Request], Awaitable[tuple[int, dict[str, str], bytes]] | tuple[int, dict[str, str], bytes]]


@dataclass
class Tool:
    """A tool on 127.0.0.1 with a ledger; `answers` are given in turn, the last one again and again."""

    port: int = 0
    ledger: list[Request] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [(200, {}, b"ok")])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.ledger]

    def says(self, *answers: int | tuple[int, dict[str, str], bytes]) -> None:
        self.answers = [answer if isinstance(answer, tuple) else (answer, {}, b"") for answer in answers]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, *head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.ledger.append(Request(headers, body, first.rpartition(" ")[0]))
                status, more, text = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
                lines = [
                    f"HTTP/1.1 {status} X",
                    f"content-length: {len(text)}",
                    *(f"{name}: {value}" for name, value in more.items()),
                ]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + text)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def tool() -> AsyncIterator[Tool]:
    told = Tool()
    server = await asyncio.start_server(told.answer, "127.0.0.1", 0)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()


def records(*runs: RunsRecord, first: int = 0) -> dict[int, list[Record]]:
    """A batch of partition 0."""
    return {0: [Record(0, first + index, MONDAY, run.account_id, encode(run)) for index, run in enumerate(runs)]}


class Stage:
    """A database with a consumer that has partition 0, and a worker, on a clock that is set by hand."""

    def __init__(self, database: AsyncEngine, log: Log | None = None, **limits: Any) -> None:
        self.database = database
        self.clock = SetClock()
        self.wake = asyncio.Event()
        self.http = Http(deadline=limits.get("deadline", 5))
        self.limits = Limits(**limits)
        self.metrics = Metrics(CollectorRegistry())
        self.worker = self.another_worker()
        self.consumer = Consumer(database, log, self.clock, lambda: self.worker.workspace, self.wake)  # type: ignore[arg-type]
        self.offset = 0

    def another_worker(self, name: str = "w1") -> Worker:
        return Worker(
            name,
            self.database,
            self.clock,
            self.http,
            jitter=lambda: 0.0,
            wake=self.wake,
            metrics=self.metrics,
            limits=self.limits,
        )

    async def workspace(self, version: int = 1, **document: Any) -> None:
        async with self.database.begin() as connection:
            await connection.execute(
                workspace.insert().values(version=version, document=document, applied_at=self.clock(), applied_by="test")
            )

    async def take(self, *runs: RunsRecord) -> None:
        """The consumer reads these records."""
        if not self.offset:
            await self.consumer._assigned(frozenset({0}))
        await self.consumer.take(records(*runs, first=self.offset))
        self.offset += len(runs)

    async def work(self, worker: Worker | None = None) -> None:
        """Everything that is due by now is carried out, and what follows from it at once."""
        working = worker or self.worker
        working._swept_at = 0
        await working.sweep()
        await working.settle()
        while await working.begin_due():
            await working.settle()

    async def rows(self, table: Any, *order: Any) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(select(table).order_by(*order)))

    async def deliveries(self) -> list[Any]:
        return await self.rows(delivery, delivery.c.created_at, delivery.c.step)

    async def states(self) -> list[tuple[str, str]]:
        return [(row.step, row.state) for row in await self.deliveries()]

    async def tasks(self) -> list[Any]:
        return await self.rows(task, task.c.created_at)

    async def attempts(self) -> list[Any]:
        return await self.rows(attempt, attempt.c.delivery_id, attempt.c.attempt)

    async def letters(self) -> list[Any]:
        return await self.rows(dead_letter, dead_letter.c.created_at)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Poll until the condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)


def hooks(tool: Tool, secret_file: Any, **fields: Any) -> dict[str, Any]:
    """A webhook destination that leads to the tool."""
    return {"kind": "webhook", "url": tool.url, "secret": f"file:{secret_file}", "private_network": "allowed", **fields}


def unique(values: Iterable[Any]) -> bool:
    listed = list(values)
    return len(listed) == len(set(listed))


async def lease_one(stage: Stage, worker: str = "w1") -> Leased:
    """What a worker has after it has leased the delivery that is longest due."""
    async with stage.database.begin() as connection:
        due = await store.find_due(connection, stage.clock(), [], 1)
        [leased] = await store.lease(connection, [due[0][0]], worker, stage.clock(), stage.clock() + MINUTE)
    return leased


async def end_now(stage: Stage, leased: Leased, carried: Carried) -> None:
    """The end of that lease, as its worker would write it down."""
    async with stage.database.begin() as connection:
        await end_try(connection, leased, carried, People(), started_at=MONDAY, now=stage.clock(), jitter=0)
