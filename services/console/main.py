"""The console as a process of its own: the API, and the health of what it stands on."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from services.console.app import create_app
from services.console.checked import Check
from services.console.explained import Explain
from services.console.first_keys import keep_key
from services.console.outbox import Publisher
from services.console.parts import Parts
from shared.clock import Clock, wall_clock
from shared.db.away import DATABASE_AWAY
from shared.db.database import open_database, reading, require_current_schema
from shared.key_ring import open_key_ring
from shared.keys import read_secret
from shared.log import open_log
from shared.log.contract import Log, LogUnavailable
from shared.settings import Settings
from shared.telemetry import health_app

HEALTH_PATHS = ("/livez", "/readyz", "/metrics")
RETRY_SECONDS = 1.0

_logger = structlog.get_logger()


def put_together(settings: Settings, database: AsyncEngine, log: Log, check: Check, explain: Explain, clock: Clock) -> Parts:
    """The console's parts, on a database and a log that are open."""
    return Parts(
        database=database,
        log=log,
        check=check,
        explain=explain,
        clock=clock,
        keys=open_key_ring(settings, database),
        secret=read_secret(settings),
        publisher=Publisher(database, log),
    )


async def serve(settings: Settings, check: Check, explain: Explain, admin_key: Path) -> None:
    """Serve until SIGTERM or SIGINT. A first key is kept in the file `admin_key`. What is away at the start is waited for.

    Raises:
        SchemaOutOfDate: the database's tables are not those of this version.
        LogMisconfigured: the log's topics are not as we need them.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _opened(settings, stop) as opened:
        if opened is None:
            return
        database, log = opened
        parts = put_together(settings, database, log, check, explain, wall_clock)
        await keep_key(database, parts.secret, admin_key, "admin", wall_clock)
        app = _with_health(create_app(parts), health_app(lambda: ready(database, log), CollectorRegistry()))
        server = _Server(uvicorn.Config(app, settings.host, settings.port, lifespan="off", log_config=None, access_log=False))
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.publisher.run(stop))
            group.create_task(server.serve())
            await stop.wait()
            server.should_exit = True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop: uvicorn would raise them again when it ends."""
        yield


@contextlib.asynccontextmanager
async def _opened(settings: Settings, stop: asyncio.Event) -> AsyncIterator[tuple[AsyncEngine, Log] | None]:
    """The database and the log, or None when told to stop before both were there."""
    database = await open_database(settings)
    log: Log | None = None
    try:
        while log is None and not stop.is_set():
            try:
                await require_current_schema(database)
                log = await open_log(settings, wall_clock)
            except (*DATABASE_AWAY, LogUnavailable) as error:
                _logger.warning("waiting", error=f"{type(error).__name__}: {error}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
        yield None if log is None else (database, log)
    finally:
        if log is not None:
            await log.close()
        await database.dispose()


async def ready(database: AsyncEngine, log: Log) -> dict[str, bool]:
    """Whether the database and the log answer now."""
    try:
        async with reading(database) as connection:
            await connection.execute(text("SELECT 1"))
        answers = True
    except DATABASE_AWAY:
        answers = False
    return {"database": answers, "log": await log.ready()}


def _with_health(api: ASGIApp, health: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (health if scope.get("path") in HEALTH_PATHS else api)(scope, receive, send)

    return app
