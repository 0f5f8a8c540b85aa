"""Ingest on Kafka beside the endpoint that one would write first (`ingest_floor.py`), on the same broker.

The server that is measured has one core to itself; the load (wrk) and the broker share the other. The two take turns. Both answer
when the broker has the events, and what they answered is counted in the log afterwards.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.latency import KEY, free_port
from benchmarks.table import Result
from scripts import kafka

PARTITIONS = 4
BATCH = 500
TOPIC = "benchmark.events"
SECONDS = 6
# At so many connections at once.
CONNECTIONS = {1: 64, BATCH: 8}
LOAD = Path(__file__).with_suffix(".lua")
SERVING_CORE, LOADING_CORE = 0, 1
STARTS_WITHIN = 30.0
OURS = [sys.executable, "-c", "from services.cli.main import main; main()", "ingest"]
ASKED = {1: 2.0, BATCH: 5.0}


class Measured(msgspec.Struct):
    """What wrk says: milliseconds for the latencies. `failed` are requests without a 2xx."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float


class Server(NamedTuple):
    """A server that is up, and where it takes one event or a batch."""

    process: psutil.Process
    port: int
    paths: dict[int, str]


def measure_ingest(repeats: int, memory_events: int) -> list[Result]:
    """Requests and events a second, the slowest answers, and what a million events leave in memory.

    Raises:
        RuntimeError: wrk is not there, or a request was not answered with 2xx.
        AssertionError: the log has fewer events than were answered.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("the load comes from wrk: install it with `apt-get install wrk`")
    os.sched_setaffinity(0, {LOADING_CORE})
    with TemporaryDirectory() as name, kafka.start(Path(name)) as broker:
        folder = Path(name)
        bodies = {size: _write_bodies(folder / f"bodies-{size}", size) for size in CONNECTIONS}
        with _ours(broker, folder) as ours, _floor(broker) as floor:
            measured = {size: _in_turns(broker, ours, floor, size, bodies[size], repeats) for size in CONNECTIONS}
            memory = _memory(ours, bodies[BATCH], memory_events)
    return [*_rows(1, measured[1], "requests/s"), *_rows(BATCH, measured[BATCH], "events/s"), memory]


def _rows(size: int, pairs: list[tuple[Measured, Measured]], unit: str) -> list[Result]:
    what = "ingest, an event a request" if size == 1 else f"ingest, {size} events a request"
    rates = [(size * ours.requests / ours.seconds, size * floor.requests / floor.seconds) for ours, floor in pairs]
    detail: dict[str, object] = {"pairs": [[msgspec.to_builtins(one) for one in pair] for pair in pairs]}
    return [
        Result(
            what=what,
            unit=unit,
            measured=median([ours for ours, _ in rates]),
            floor=median([floor for _, floor in rates]),
            ratio=median([ours / floor for ours, floor in rates]),
            target=ASKED[size],
            repeats=len(pairs),
            detail=detail,
        ),
        Result(
            what=f"{what}, p99",
            unit="ms",
            measured=median([ours.p99 for ours, _ in pairs]),
            floor=median([floor.p99 for _, floor in pairs]),
            ratio=median([floor.p99 / ours.p99 for ours, floor in pairs]),
            target=1.0,
            repeats=len(pairs),
        ),
    ]


# ------------------------------------------------------------------ the load


def _write_bodies(path: Path, size: int) -> Path:
    """Bodies of one event or of many, a line each."""
    events = [
        {
            "id": f"e-{number:07}",
            "name": "report.exported",
            "account_id": f"account-{number * 7919 % 1000}",
            "user_id": f"user-{number % 97}",
            "occurred_at": "2026-03-01T09:00:00Z",
            "properties": {"format": "pdf", "pages": number % 40, "template": "quarterly review", "seconds": 1.25},
        }
        for number in range(10_000)
    ]
    bodies = [events[first] if size == 1 else events[first : first + size] for first in range(0, len(events), size)]
    path.write_bytes(b"\n".join(msgspec.json.encode(body) for body in bodies))
    return path


def _in_turns(
    broker: kafka.Broker, ours: Server, floor: Server, size: int, bodies: Path, repeats: int
) -> list[tuple[Measured, Measured]]:
    for server in (ours, floor):
        _load(server, size, bodies, 2)
    return [(_checked(broker, ours, size, bodies), _checked(broker, floor, size, bodies)) for _ in range(repeats)]


def _checked(broker: kafka.Broker, server: Server, size: int, bodies: Path) -> Measured:
    before = asyncio.run(_stored(broker))
    measured = _load(server, size, bodies, SECONDS)
    stored = asyncio.run(_stored(broker)) - before
    assert stored >= size * measured.requests, f"{size * measured.requests} were answered, {stored} are in the log"
    return measured


def _load(server: Server, size: int, bodies: Path, seconds: int) -> Measured:
    url = f"http://127.0.0.1:{server.port}{server.paths[size]}"
    connections = str(CONNECTIONS[size])
    command = [
        "wrk",
        "-t",
        "1",
        "-c",
        connections,
        "-d",
        f"{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(LOAD),
        url,
        "--",
        str(bodies),
        KEY,
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured = msgspec.json.decode(said.splitlines()[-1], type=Measured)
    if measured.failed:
        raise RuntimeError(f"{measured.failed} of {measured.requests} requests failed:\n{said}")
    return measured


def _memory(ours: Server, bodies: Path, events: int) -> Result:
    """What the process keeps after a tenth of the events, and after all."""
    kept: list[float] = []
    sent = 0
    for share in (events // 10, events):
        while sent < share:
            sent += BATCH * _load(ours, BATCH, bodies, 1).requests
        kept.append(ours.process.memory_info().rss / 2**20)
    return Result(
        what=f"ingest, memory after {events:,} events beside a tenth",
        unit="MB",
        measured=kept[1],
        floor=kept[0],
        ratio=kept[0] / kept[1],
        repeats=1,
    )


# ------------------------------------------------------------------ the servers


@contextmanager
def _ours(broker: kafka.Broker, folder: Path) -> Iterator[Server]:
    port = free_port()
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "SUCCESSPLAYS_TOPIC_PREFIX": TOPIC.removesuffix("events"),
        "SUCCESSPLAYS_PARTITIONS": str(PARTITIONS),
        "SUCCESSPLAYS_DATA": str(folder / "data"),
        "SUCCESSPLAYS_PORT": str(port),
        "SUCCESSPLAYS_WRITE_KEY": KEY,
        # More than can be sent: what is measured is not how well a limit holds.
        "SUCCESSPLAYS_EVENTS_PER_SECOND": str(10**9),
        "SUCCESSPLAYS_EVENTS_AT_ONCE": str(10**9),
    }
    with _started(OURS, environment, port, "/readyz") as process:
        yield Server(process, port, dict.fromkeys(CONNECTIONS, "/v1/events"))


@contextmanager
def _floor(broker: kafka.Broker) -> Iterator[Server]:
    port = free_port()
    environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "benchmarks.ingest_floor", broker.bootstrap_servers, TOPIC, str(port)]
    with _started(command, environment, port, "/openapi.json") as process:
        yield Server(process, port, {1: "/v1/events", BATCH: "/v1/batch"})


@contextmanager
def _started(command: list[str], environment: dict[str, str], port: int, path: str) -> Iterator[psutil.Process]:
    pinned = ["taskset", "-c", str(SERVING_CORE), *command]
    process = subprocess.Popen(pinned, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}{path}")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


async def _stored(broker: kafka.Broker) -> int:
    """How many events the topic has."""
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer:
        ends = await consumer.end_offsets([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
    return sum(ends.values())
