"""Ingest as a process of its own: `successplays ingest`."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.app import create_app
from services.ingest.fetching.main import run_fetching
from services.ingest.fetching.metrics import Metrics as FetchingMetrics
from services.ingest.http.server import Server, http_server
from services.ingest.limits.rate import allowance_of
from services.ingest.opening import OpeningLog
from services.ingest.receiving.configured import ConfiguredSources, sources_in
from shared.clock import wall_clock
from shared.db.database import open_database
from shared.key_ring import open_key_ring
from shared.log import open_log
from shared.settings import Settings

# A source's API may hang at the end as long as it likes: what is under way then is given back, and fetched by the next process.
FETCHING_ENDS_IN = 10.0
FETCHING_REST = 30.0

_log = structlog.get_logger(service="ingest")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is answered first.

    Neither the log nor the database need be there: without the log senders hear 503, without the database those whose key is new.

    Raises:
        LogMisconfigured: the log is there, but not as we need it; the message says how.
        OSError: the deployment's secret can be neither read nor made.
    """
    database = await open_database(settings)
    log = OpeningLog(lambda: open_log(settings, wall_clock), replay=settings.replay)
    try:
        keys = open_key_ring(settings, database)
        configured, allowance = ConfiguredSources(sources_in(database)), allowance_of(settings)
        registry = CollectorRegistry()
        app = create_app(log, keys, wall_clock, registry, allowance=allowance, configured=configured)
        server = http_server(app, settings.host, settings.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.end)
        _settle()
        async with _fetching(database, log, configured, registry):
            await _serve_while_opening(server, log)
    finally:
        await log.close()
        await database.dispose()


def _settle() -> None:
    """What was loaded so far stays: to look whether it is garbage, time and again, took a quarter of the time of requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@asynccontextmanager
async def _fetching(
    database: AsyncEngine, log: OpeningLog, configured: ConfiguredSources, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Beside it, what vendors only named is fetched."""
    stop = asyncio.Event()

    async def fetch() -> None:
        opened = await log.opened()
        metrics = FetchingMetrics(registry)
        while not stop.is_set():
            try:
                await run_fetching(database, opened, configured, wall_clock, stop, metrics=metrics)
            except Exception as error:  # noqa: BLE001 - requests are answered whatever is wrong, a database of another log
                _log.error("ingest.fetching_failed", again_in=FETCHING_REST, exc_info=error)
                await asyncio.sleep(FETCHING_REST)

    fetching = asyncio.create_task(fetch())
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait({fetching}, timeout=FETCHING_ENDS_IN if log.is_open else 0)
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


async def _serve_while_opening(server: Server, log: OpeningLog) -> None:
    serving = asyncio.create_task(server.serve())
    opening = asyncio.create_task(log.open())
    try:
        await asyncio.wait((serving, opening), return_when=asyncio.FIRST_COMPLETED)
        if opening.done() and opening.exception() is not None:
            server.end()
        await serving
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
    if not opening.cancelled():
        opening.result()
