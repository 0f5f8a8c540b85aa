"""The service as a process of its own: it says when it is ready, works, and ends when it is told to."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
from sqlalchemy import select

from shared.clock import wall_clock
from shared.db import tables
from shared.db.database import open_database, upgrade
from shared.log import open_log
from shared.log.contract import Entry
from shared.records import Event, encode
from shared.settings import Settings, read_settings
from shared.topics import EVENTS
from tests.rules.shell.conftest import until

SERVE = """
import asyncio
from services.rules.main import serve
from shared.settings import read_settings
from shared.telemetry import set_up_logging
set_up_logging()
asyncio.run(serve(read_settings()))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


async def started(variables: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, env={"PATH": "/usr/bin:/bin", **variables}, stderr=asyncio.subprocess.PIPE
    )


def variables_of(tmp_path: Path, kafka: str, postgres_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SUCCESSPLAYS_TOPIC_PREFIX": f"serve-{os.getpid()}-{tmp_path.name}."[:60],
        "SUCCESSPLAYS_DATA": str(tmp_path),
        "SUCCESSPLAYS_PORT": str(free_port()),
    }


async def test_it_gets_ready_takes_an_event_and_ends_on_sigterm(tmp_path: Path, kafka: str, postgres_url: str) -> None:
    variables = variables_of(tmp_path, kafka, postgres_url)
    settings: Settings = read_settings(variables)
    process = await started(variables)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, "ready")
            log = await open_log(settings, wall_clock)
            event = Event(id="1", name="report.exported", source="test", account_id="acme")
            await log.append(EVENTS, [Entry("acme", encode(event))])
            await log.close()

            async def counted() -> bool:
                return "successplays_rules_events_total 1.0" in (await client.get("/metrics")).text

            await until(counted, "an event counted")
            assert (await client.get("/livez")).json() == {"status": "alive"}
            assert (await client.get("/nothing")).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    database = await open_database(settings)
    async with database.begin() as connection:
        assert (await connection.execute(select(tables.event.c.id))).scalars().all() == ["1"]
    await database.dispose()


async def test_without_its_tables_it_says_what_to_run(tmp_path: Path) -> None:
    process = await started({"SUCCESSPLAYS_DATA": str(tmp_path), "SUCCESSPLAYS_PORT": str(free_port())})
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode != 0
    assert b"successplays db upgrade" in errors


async def test_on_the_embedded_default_it_logs_json_and_ends_on_sigint(tmp_path: Path) -> None:
    settings = read_settings({"SUCCESSPLAYS_DATA": str(tmp_path)})
    await upgrade(settings)
    process = await started({"SUCCESSPLAYS_DATA": str(tmp_path), "SUCCESSPLAYS_PORT": str(free_port())})
    try:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while json.loads(await process.stderr.readline())["event"] != "partition taken":
                pass
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 20)
    assert process.returncode == 0
