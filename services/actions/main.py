"""The actions service: `serve` as a process of its own, `run_actions` as part of another."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.actions.consumer import Consumer
from services.actions.metrics import Metrics
from services.actions.worker import Limits, Worker
from shared.clock import Clock, wall_clock
from shared.db.away import DATABASE_AWAY
from shared.db.database import open_database, reading, require_current_schema
from shared.log import open_log
from shared.log.contract import Log
from shared.outbound.http import Http
from shared.settings import Settings
from shared.telemetry import health_app


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - it spreads retries; nothing is kept secret by it


async def run_actions(
    database: AsyncEngine,
    log: Log,
    clock: Clock,
    stop: asyncio.Event,
    *,
    http: Http | None = None,
    jitter: Callable[[], float] = _jitter,
    limits: Limits | None = None,
    registry: CollectorRegistry | None = None,
) -> None:
    """Read runs and carry deliveries out until `stop`; then what is under way is finished. `registry` gets the metrics."""
    wake = asyncio.Event()
    sender = http or Http()
    name = f"{socket.gethostname()}/{os.getpid()}"
    worker = Worker(
        name,
        database,
        clock,
        sender,
        jitter=jitter,
        wake=wake,
        metrics=Metrics(registry or CollectorRegistry()),
        limits=limits or Limits(),
    )
    consumer = Consumer(database, log, clock, lambda: worker.workspace, wake)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(consumer.run(stop))
            group.create_task(worker.run(stop))
    finally:
        if http is None:
            await sender.close()


async def serve(settings: Settings) -> None:
    """The service as a process: runs until SIGTERM or SIGINT; health and metrics on the settings' host and port.

    Raises:
        SchemaOutOfDate: the database needs `successplays db upgrade`.
    """
    database = await open_database(settings)
    await require_current_schema(database)
    log = await open_log(settings, wall_clock)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    async def ready() -> dict[str, bool]:
        return {"database": await _answers(database), "log": await log.ready()}

    registry = CollectorRegistry()
    server = _HealthServer(
        uvicorn.Config(health_app(ready, registry), host=settings.host, port=settings.port, log_config=None, access_log=False)
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_serve_health(server, stop))
            group.create_task(run_actions(database, log, wall_clock, stop, registry=registry))
    finally:
        await log.close()
        await database.dispose()


class _HealthServer(uvicorn.Server):
    """Without uvicorn's own signal handling: ours ends the work in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_health(server: uvicorn.Server, stop: asyncio.Event) -> None:
    """Health until `stop`."""
    serving = asyncio.create_task(server.serve())
    await stop.wait()
    server.should_exit = True
    await serving


async def _answers(database: AsyncEngine) -> bool:
    try:
        async with reading(database) as connection:
            await connection.execute(select(literal(1)))
    except DATABASE_AWAY:
        return False
    return True
