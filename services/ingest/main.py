"""Ingest as a process of its own: `successplays ingest`."""

import asyncio
import gc
import signal

from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.configured import ConfiguredSources, sources_in
from services.ingest.opening import OpeningLog
from services.ingest.rate import allowance_of
from services.ingest.server import Server, http_server
from shared.clock import wall_clock
from shared.db.database import open_database
from shared.key_ring import open_key_ring
from shared.log import open_log
from shared.settings import Settings


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
        app = create_app(log, keys, wall_clock, CollectorRegistry(), allowance=allowance, configured=configured)
        server = http_server(app, settings.host, settings.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.end)
        _settle()
        await _serve_while_opening(server, log)
    finally:
        await log.close()
        await database.dispose()


def _settle() -> None:
    """What was loaded so far stays: to look whether it is garbage, time and again, took a quarter of the time of requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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
