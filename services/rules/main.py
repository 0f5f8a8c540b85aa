"""The rules service as a process of its own: `successplays rules`."""

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.failures import DATABASE_ERRORS
from services.rules.metrics import RulesMetrics
from services.rules.worker import Bounds, Worker
from shared.clock import Clock, wall_clock
from shared.db.database import open_database, require_current_schema
from shared.log import open_log
from shared.log.contract import Log, LogUnavailable
from shared.settings import Settings
from shared.telemetry import health_app, log_for

_RETRY_SECONDS = 1.0
_LOGS = log_for("rules")


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; health and metrics are at the settings' host and port.

    A log or a database that is away is waited for.

    Raises:
        SchemaOutOfDate: the database's tables are not those of this version.
        LogMisconfigured: the log's topics are not as we need them.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = await open_database(settings)
    try:
        await _wait_for_database(database, stop)
        log = await _wait_for_log(settings, stop)
        if log is not None:
            try:
                await _work_and_serve(settings, database, log, stop)
            finally:
                await log.close()
    finally:
        await database.dispose()


async def run_worker(
    settings: Settings, database: AsyncEngine, log: Log, clock: Clock, stop: asyncio.Event, metrics: RulesMetrics | None = None
) -> None:
    """Work until `stop` is set, on a database and a log that are already open: for a process of several services."""
    _collect_rarely()
    await Worker(database, log, clock, stop, metrics, bounds=_bounds(settings)).run()


def _bounds(settings: Settings) -> Bounds:
    return Bounds(documents=settings.documents_in_memory, tries=settings.record_tries)


def _collect_rarely() -> None:
    # A batch makes a hundred thousand objects that live until it is stored, in no cycle. At the collector's own thresholds (700
    # new objects, 10, 10) it goes over them dozens of times, for an eighth of the worker's time. They count for all the process.
    gc.set_threshold(50_000, 20, 100)


async def _wait_for_database(database: AsyncEngine, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await require_current_schema(database)
        except DATABASE_ERRORS as error:
            _LOGS.warning("the database is away", error=str(error))
            await _sleep(stop)
        else:
            return


async def _wait_for_log(settings: Settings, stop: asyncio.Event) -> Log | None:
    while not stop.is_set():
        try:
            return await open_log(settings, wall_clock)
        except LogUnavailable as error:
            _LOGS.warning("the log is away", error=str(error))
            await _sleep(stop)
    return None


async def _sleep(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), _RETRY_SECONDS)
    except TimeoutError:
        return


async def _work_and_serve(settings: Settings, database: AsyncEngine, log: Log, stop: asyncio.Event) -> None:
    _collect_rarely()
    metrics = RulesMetrics()
    worker = Worker(database, log, wall_clock, stop, metrics, bounds=_bounds(settings))

    async def ready() -> dict[str, bool]:
        return {"log": await log.ready(), "worker": worker.healthy}

    config = uvicorn.Config(
        health_app(ready, metrics.registry), host=settings.host, port=settings.port, log_config=None, lifespan="off"
    )
    server = _HealthServer(config)
    serving = asyncio.create_task(server.serve())
    try:
        await worker.run()
    finally:
        server.should_exit = True
        await serving


class _HealthServer(uvicorn.Server):
    """Without uvicorn's own signal handling: ours lets the worker finish its round."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield
