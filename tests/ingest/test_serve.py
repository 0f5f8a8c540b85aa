"""`serve` as a process: it answers before the log does, and ends when it is told to."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts import kafka as kafka_server
from scripts import postgres
from shared.db.database import upgrade
from shared.db.key_store import create_key, revoke_key
from shared.keys import hash_key, make_key
from tests.conftest import make_settings, opened

pytestmark = pytest.mark.slow

SERVE = """
import asyncio
from services.ingest.main import serve
from shared.settings import read_settings
asyncio.run(serve(read_settings()))
"""
ROOT = Path(__file__).resolve().parents[2]
ONE = {"name": "report.exported", "account_id": "acme"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextlib.contextmanager
def started(data: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    named = {"SUCCESSPLAYS_DATA": str(data), "SUCCESSPLAYS_PORT": str(port), "SUCCESSPLAYS_WRITE_KEY": "demo", **environment}
    process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, env=named, stderr=subprocess.PIPE)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def ingest(data: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with (
        started(data, **environment) as (process, url),
        httpx.Client(base_url=url, headers={"Authorization": "Bearer demo"}, timeout=10) as client,
    ):
        answer_of(client, "/livez", 200)
        yield process, client


def answer_of(client: httpx.Client, path: str, status: int) -> httpx.Response:
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = client.get(path)
            if answer.status_code == status:
                return answer
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{path} is not {status}"
        time.sleep(0.05)


def test_events_are_taken_without_any_other_server(tmp_path: Path) -> None:
    with ingest(tmp_path) as (process, client):
        answer_of(client, "/readyz", 200)
        assert client.post("/v1/events", json=ONE).status_code == 202
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_without_a_broker_it_answers_503_within_five_seconds(tmp_path: Path) -> None:
    with ingest(tmp_path, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}") as (process, client):
        began = time.monotonic()
        answer = client.post("/v1/events", json=ONE)
        assert time.monotonic() - began < 5
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert answer_of(client, "/readyz", 503).json()["checks"] == {"log": False}
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_a_log_that_is_not_as_needed_ends_it(tmp_path: Path) -> None:
    with ingest(tmp_path) as (first, client):
        answer_of(client, "/readyz", 200)
        with started(tmp_path) as (second, _):
            _, said = second.communicate(timeout=20)
            assert second.returncode == 1
            assert b"LogInUse" in said
        assert first.poll() is None


async def test_a_revoked_key_is_refused_within_five_seconds(sqlite_url: str, tmp_path: Path) -> None:
    text, key = make_key("write", now=0)
    settings = make_settings(database_url=sqlite_url)
    secret = "a secret for this test"
    async with opened(settings) as database:
        async with database.begin() as connection:
            await create_key(connection, key, hash_key(text, secret.encode()))
        with ingest(tmp_path / "data", DATABASE_URL=sqlite_url, SUCCESSPLAYS_SECRET=secret) as (_, client):
            answer_of(client, "/readyz", 200)
            mine = {"Authorization": f"Bearer {text}"}
            assert client.post("/v1/events", json=ONE, headers=mine).status_code == 202
            async with database.begin() as connection:
                assert await revoke_key(connection, key.key_id, now=1)
            deadline = time.monotonic() + 5
            while client.post("/v1/events", json=ONE, headers=mine).status_code != 401:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            assert client.post("/v1/events", json=ONE).status_code == 202


def test_while_the_broker_is_away_nothing_is_promised_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    event = {**ONE, "id": "patient"}
    with (
        kafka_server.start(tmp_path / "kafka") as broker,
        ingest(tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (_, client),
    ):
        answer_of(client, "/readyz", 200)
        assert client.post("/v1/events", json=event).status_code == 202
        broker.kill()
        began = time.monotonic()
        answer = client.post("/v1/events", json=event)
        assert time.monotonic() - began < 5
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        broker.restart()
        deadline = time.monotonic() + 60
        while client.post("/v1/events", json=event).status_code != 202:
            assert time.monotonic() < deadline


async def test_while_the_database_is_away_the_keys_that_were_seen_go_on(tmp_path: Path, kafka: str) -> None:
    secret = "a secret for this test"
    seen, unseen = (make_key("write", now=0) for _ in range(2))
    with postgres.start() as server:
        await upgrade(make_settings(database_url=server.url))
        async with opened(make_settings(database_url=server.url)) as database, database.begin() as connection:
            for text, key in (seen, unseen):
                await create_key(connection, key, hash_key(text, secret.encode()))
        names = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": server.url, "SUCCESSPLAYS_SECRET": secret}
        with ingest(tmp_path / "data", SUCCESSPLAYS_TOPIC_PREFIX=f"{tmp_path.name}.", **names) as (_, client):
            answer_of(client, "/readyz", 200)

            def sent(text: str) -> int:
                return client.post("/v1/events", json=ONE, headers={"Authorization": f"Bearer {text}"}).status_code

            assert sent(seen[0]) == 202
            server.kill()
            deadline = time.monotonic() + 6  # longer than what was found counts without asking again
            while time.monotonic() < deadline:
                assert sent(seen[0]) == 202
                await asyncio.sleep(0.2)
            assert sent(unseen[0]) == 503
            assert sent("nobody's") == 401
            server.restart()
            while sent(unseen[0]) != 202:
                assert time.monotonic() < deadline + 20
                await asyncio.sleep(0.2)
