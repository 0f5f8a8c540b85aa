"""From POST to the webhook at the receiver, at 200 events a second in the background, on Kafka and PostgreSQL.

Every service is a process of its own, as in production. The floor is what nobody can do without: one produce that all replicas
have, one commit, one POST to the same receiver, one after the other.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.service import Servers
from benchmarks.table import Result
from scripts import kafka, postgres

RATE = 200  # events a second in the background
PROBES = 10  # a second
ACCOUNTS = 500
KEY = "benchmark-write-key-0123456789"
COMMAND = [sys.executable, "-c", "from services.cli.main import main; main()"]
STARTS_WITHIN = 60.0

Sent = dict[str, object]

SETTINGS = """
destinations:
  hooks: {{kind: webhook, url: "http://127.0.0.1:{port}/", secret: "env:BENCHMARK_SECRET", private_network: allowed}}
"""
PLAY = """
play: probe
guard: {max_runs: 1000000 per day}
when: {event: probe.sent}
do:
  - webhook: {to: hooks, data: {probe: "probe-{{ event.properties.n }}."}}
"""


def measure_latency(seconds: float) -> list[Result]:
    """The p50 and p99, in milliseconds, of probes sent for so many seconds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        broker = stack.enter_context(kafka.start(folder / "kafka"))
        server = stack.enter_context(postgres.start(durable=True))
        return asyncio.run(_measure(Servers(broker.bootstrap_servers, server.url), folder, seconds))


async def _measure(servers: Servers, folder: Path, seconds: float) -> list[Result]:
    async with receiver() as arrivals:
        floors = await _floor(servers, arrivals, int(seconds * PROBES / 2))
        environment = _environment(servers, folder)
        with _services(environment, folder) as ports:
            _apply(environment, folder, arrivals.port, ports["console"])
            ours = await _probe(ports["ingest"], arrivals, seconds)
    return [_result(f"POST to webhook, p{percent}", percent, ours, floors) for percent in (50, 99)]


def _result(what: str, percent: int, ours: list[float], floors: list[float]) -> Result:
    measured, floor = _percentile(ours, percent), _percentile(floors, percent)
    return Result(what=what, unit="ms", measured=measured, floor=floor, ratio=floor / measured, repeats=len(ours))


def _percentile(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100)[percent - 1] * 1000


# ------------------------------------------------------------------ the receiver


class Arrivals:
    """When each probe first arrived, by what its body says (`probe-17.`)."""

    def __init__(self) -> None:
        self.port = 0
        self._waiting: dict[int, asyncio.Future[float]] = {}

    def expect(self, probe: int) -> "asyncio.Future[float]":
        """The moment at which the probe will arrive."""
        self._waiting[probe] = asyncio.get_running_loop().create_future()
        return self._waiting[probe]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer 200 to every request of a connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                self._arrived(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The other side has closed it, or the benchmark is over.
            writer.close()

    def _arrived(self, body: bytes) -> None:
        number = int(body.partition(b"probe-")[2].partition(b".")[0])
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.set_result(time.perf_counter())


@asynccontextmanager
async def receiver() -> AsyncIterator[Arrivals]:
    """An HTTP server on a free port of this machine."""
    arrivals = Arrivals()
    server = await asyncio.start_server(arrivals.serve, "127.0.0.1", 0)
    arrivals.port = server.sockets[0].getsockname()[1]
    try:
        yield arrivals
    finally:
        server.close()


# ------------------------------------------------------------------ the floor


async def _floor(servers: Servers, arrivals: Arrivals, probes: int) -> list[float]:
    producer = AIOKafkaProducer(bootstrap_servers=servers.bootstrap_servers, enable_idempotence=True, acks="all")
    connection = await asyncpg.connect(servers.postgres)
    administrator = AIOKafkaAdminClient(bootstrap_servers=servers.bootstrap_servers)
    taken = []
    try:
        await administrator.start()
        await administrator.create_topics([NewTopic("benchmark.floor", 1, 1)])
        await connection.execute("CREATE TABLE probe (n integer PRIMARY KEY, body bytea)")
        async with producer, httpx.AsyncClient(trust_env=False) as client:
            for number in range(-probes, 0):
                arrived, began, body = arrivals.expect(number), time.perf_counter(), b"probe-%d." % number
                await producer.send_and_wait("benchmark.floor", body)
                await connection.execute("INSERT INTO probe VALUES ($1, $2)", number, body)
                await client.post(f"http://127.0.0.1:{arrivals.port}/", content=body)
                taken.append(await arrived - began)
                await asyncio.sleep(0.01)
    finally:
        await administrator.close()
        await connection.close()
    return taken


# ------------------------------------------------------------------ the services


def _environment(servers: Servers, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "DATABASE_URL": servers.postgres,
        "SUCCESSPLAYS_DATA": str(folder / "data"),
        "SUCCESSPLAYS_TOPIC_PREFIX": "latency.",
        "SUCCESSPLAYS_WRITE_KEY": KEY,
        "SUCCESSPLAYS_SECRET": "of-a-benchmark-and-nothing-else",
        "BENCHMARK_SECRET": "whsec_YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms=",
    }


@contextmanager
def _services(environment: dict[str, str], folder: Path) -> Iterator[dict[str, int]]:
    """Every service as a process, ready; their ports by name."""
    subprocess.run([*COMMAND, "db", "upgrade"], env=environment, check=True, capture_output=True)
    ports = {name: free_port() for name in ("ingest", "rules", "actions", "console")}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name, port in ports.items():
            with (folder / f"{name}.log").open("wb") as output:
                own = {**environment, "SUCCESSPLAYS_PORT": str(port)}
                processes.append(subprocess.Popen([*COMMAND, name], env=own, stdout=output, stderr=subprocess.STDOUT))
        for process, (name, port) in zip(processes, ports.items(), strict=True):
            _wait_until_ready(process, port, folder / f"{name}.log")
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"a service did not become ready:\n{output.read_text()[-3000:]}")


def _apply(environment: dict[str, str], folder: Path, receiver_port: int, console_port: int) -> None:
    workspace = folder / "workspace"
    (workspace / "plays").mkdir(parents=True)
    (workspace / "successplays.yaml").write_text(SETTINGS.format(port=receiver_port))
    (workspace / "plays" / "probe.yaml").write_text(PLAY)
    own = {**environment, "SUCCESSPLAYS_PORT": str(console_port)}
    done = subprocess.run([*COMMAND, "plays", "apply", "--workspace", str(workspace)], env=own, check=False, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"the play was not applied:\n{done.stdout.decode()}{done.stderr.decode()}")


# ------------------------------------------------------------------ the probes


async def _probe(ingest_port: int, arrivals: Arrivals, seconds: float) -> list[float]:
    """Send the background and, among it, probes; how long each took to the receiver. The first second only warms up."""
    address = f"http://127.0.0.1:{ingest_port}/v1/events"
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client, asyncio.TaskGroup() as group:
        probes = []
        for number in range(int((seconds + 1) * RATE)):
            event: Sent = {"name": "page.viewed", "account_id": f"account-{number % ACCOUNTS}", "properties": {"n": number}}
            if number % (RATE // PROBES) == 0:
                event["name"] = "probe.sent"
                probes.append(group.create_task(_one_probe(client, address, event, arrivals.expect(number))))
            else:
                group.create_task(_post(client, address, event))
            await asyncio.sleep(1 / RATE)
    return [probe.result() for probe in probes[PROBES:]]


async def _one_probe(client: httpx.AsyncClient, address: str, event: Sent, arrived: "asyncio.Future[float]") -> float:
    began = time.perf_counter()
    await _post(client, address, event)
    return await asyncio.wait_for(arrived, 30) - began


async def _post(client: httpx.AsyncClient, address: str, event: Sent) -> None:
    (await client.post(address, json=event)).raise_for_status()
