"""Fetching, as a part of ingest: it begins when a source of the workspace has an `api`."""

import asyncio
import random
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching.asked import asked_of
from services.ingest.fetching.consumer import Consumer
from services.ingest.fetching.fetcher import Fetcher, Limits
from services.ingest.fetching.metrics import Metrics
from services.ingest.receiving.configured import ConfiguredSources, SourcesUnavailable
from shared.clock import Clock
from shared.log.contract import Log
from shared.outbound.http import Http

LOOK_SECONDS = 3.0


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - it spreads retries; nothing is kept secret by it


async def run_fetching(
    database: AsyncEngine,
    log: Log,
    configured: ConfiguredSources,
    clock: Clock,
    stop: asyncio.Event,
    *,
    http: Http | None = None,
    jitter: Callable[[], float] = _jitter,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Read notifications and fetch what they name until `stop`. Neither the database nor the log need be there."""
    if not await _anything_to_ask(configured, stop):
        return
    wake = asyncio.Event()
    asking = http or Http()
    fetcher = Fetcher(
        database,
        log,
        configured,
        clock,
        asking,
        jitter=jitter,
        wake=wake,
        metrics=metrics or Metrics(CollectorRegistry()),
        limits=limits or Limits(),
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(Consumer(database, log, clock, wake).run(stop))
            group.create_task(fetcher.run(stop))
    finally:
        if http is None:
            await asking.close()


async def _anything_to_ask(configured: ConfiguredSources, stop: asyncio.Event) -> bool:
    """Wait until a source has an `api`. False: it is over before."""
    while not stop.is_set():
        try:
            if any(asked_of(each) is not None for each in (await configured.all()).values()):
                return True
        except SourcesUnavailable:
            pass
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
    return False
