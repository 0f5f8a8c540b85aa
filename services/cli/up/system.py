"""The whole system in one process: what `successplays up` runs.

one port      /v1 ingest · /api/v1 console · /livez /readyz /metrics
one database  SQLite in the data folder, or where DATABASE_URL says
one log       embedded in the data folder, or where KAFKA_BOOTSTRAP_SERVERS says
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from services.actions.main import run_actions
from services.cli.api import ADMIN_KEY, WRITE_KEY
from services.cli.check import check
from services.cli.failures import WrongUsage
from services.cli.up.folder import Folder
from services.cli.up.greeting import greet
from services.cli.up.one_port import one_port
from services.cli.up.sample import Sample, open_sample
from services.console.app import create_app as create_console
from services.console.first_keys import keep_key
from services.console.main import put_together, ready
from services.console.parts import Parts
from services.ingest.app import create_app as create_ingest
from services.ingest.fetching.main import run_fetching
from services.ingest.fetching.metrics import Metrics as FetchingMetrics
from services.ingest.http.server import http_server
from services.ingest.limits.rate import allowance_of
from services.ingest.receiving.configured import ConfiguredSources, sources_in
from services.rules.explaining import explain_play
from services.rules.main import run_worker
from services.rules.metrics import RulesMetrics
from shared.clock import wall_clock
from shared.db.database import open_database, upgrade
from shared.log import open_log
from shared.log.contract import Log
from shared.settings import Settings
from shared.telemetry import health_app


async def run_system(settings: Settings, workspace: Path, *, sample: bool) -> None:
    """Run until SIGINT or SIGTERM; then what is under way is finished.

    Raises:
        Failure: it cannot begin; a sentence says why.
        LogMisconfigured, SchemaOutOfDate: the data folder, or a server, is not as this version needs it.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = _listen(settings)
    past = open_sample(settings, workspace, wanted=sample)
    settings = settings.model_copy(update={"replay": past.replays or settings.replay})
    with listening:
        await upgrade(settings)
        async with _opened(settings) as (database, log):
            parts = put_together(settings, database, log, check, explain_play, wall_clock)
            await keep_key(database, parts.secret, settings.data / ADMIN_KEY, "admin", wall_clock)
            await keep_key(database, parts.secret, settings.data / WRITE_KEY, "write", wall_clock)
            await _run(settings, parts, Folder(workspace, parts), past, listening, stop)


async def _run(
    settings: Settings, parts: Parts, folder: Folder, past: Sample, listening: socket.socket, stop: asyncio.Event
) -> None:
    metrics, begun = RulesMetrics(), asyncio.Event()

    async def all_ready() -> dict[str, bool]:
        # An event that comes before the first plays would be history to them.
        return {**await ready(parts.database, parts.log), "workspace": begun.is_set()}

    sources = ConfiguredSources(sources_in(parts.database))
    app = one_port(
        create_console(parts),
        create_ingest(
            parts.log,
            parts.keys,
            wall_clock,
            metrics.registry,
            allowance=allowance_of(settings),
            configured=sources,
        ),
        health_app(all_ready, metrics.registry),
    )
    server = http_server(app, settings.host, settings.port)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve([listening]))
        group.create_task(run_worker(settings, parts.database, parts.log, wall_clock, stop, metrics))
        group.create_task(run_actions(parts.database, parts.log, wall_clock, stop, registry=metrics.registry))
        fetching = FetchingMetrics(metrics.registry)
        group.create_task(run_fetching(parts.database, parts.log, sources, wall_clock, stop, metrics=fetching))
        group.create_task(parts.publisher.run(stop))
        group.create_task(_begin(settings, parts, folder, past, begun, stop))
        await stop.wait()
        server.end()


async def _begin(
    settings: Settings, parts: Parts, folder: Folder, past: Sample, begun: asyncio.Event, stop: asyncio.Event
) -> None:
    await folder.apply(at=past.begins_at)
    begun.set()
    await past.live_through(parts, stop)
    if not stop.is_set():
        await greet(settings, past)
        await folder.follow(stop)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[AsyncEngine, Log]]:
    log = await open_log(settings, wall_clock)
    try:
        database = await open_database(settings)
        try:
            yield database, log
        finally:
            await database.dispose()
    finally:
        await log.close()


def _listen(settings: Settings) -> socket.socket:
    """Raises WrongUsage: the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise WrongUsage(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}): "
            "another system may be running there; SUCCESSPLAYS_PORT names another port"
        ) from None
