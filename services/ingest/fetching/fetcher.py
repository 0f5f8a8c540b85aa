"""Leases what is due to be fetched, several things at a time, each thing's in order, and writes down what it came to.

A process that dies loses its leases after two minutes, and the things are fetched again; the events have the same ids then, and
count once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching import standing, store
from services.ingest.fetching.asked import Asked, asked_of, mark_of
from services.ingest.fetching.ending import end_lease, name_of
from services.ingest.fetching.fetch import FETCH_SECONDS, Fetched, fetch
from services.ingest.fetching.metrics import Metrics
from services.ingest.fetching.store import Leased
from services.ingest.intake import Journal
from services.ingest.receiving.configured import ConfiguredSources, SourcesUnavailable
from shared.clock import Clock
from shared.db.away import DATABASE_AWAY
from shared.db.database import reading
from shared.instants import SECOND, Instant, Microseconds
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, TryAgain
from shared.outbound.retry import MAX_LOST, after_failure
from shared.telemetry import log_for

logger = log_for("ingest")


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient it is. Seconds, except the lease."""

    deadline: float = FETCH_SECONDS
    # Longer than a try may take, so that only a lost process loses its lease.
    lease: Microseconds = 120 * SECOND
    poll: float = 0.5
    sweep: float = 1.0
    count: float = 5.0
    longest_pause: float = 5.0
    # For what is under way when the process is asked to end.
    ending: float = 5.0


class Fetcher:
    """One of any number, in any number of processes, that share what waits."""

    def __init__(
        self,
        database: AsyncEngine,
        log: Journal,
        configured: ConfiguredSources,
        clock: Clock,
        http: Http,
        *,
        jitter: Callable[[], float],
        wake: asyncio.Event,
        metrics: Metrics,
        limits: Limits = Limits(),
    ) -> None:
        """`jitter` gives numbers from -1 to 1; `wake` is set by whoever adds what is to be fetched."""
        self.asked: Mapping[str, Asked] = {}
        self._database = database
        self._log = log
        self._configured = configured
        self._clock = clock
        self._http = http
        self._jitter = jitter
        self._wake = wake
        self._metrics = metrics
        self._limits = limits
        self._under_way: dict[asyncio.Task[None], Leased] = {}
        self._swept_at: Instant = 0
        self._counted_at: Instant = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is under way has a few seconds to end."""
        pause = self._limits.poll
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self.sweep()
                    await self.begin_due()
                    pause = self._limits.poll
                except (SourcesUnavailable, *DATABASE_AWAY) as error:
                    logger.warning("nothing fetched", error=type(error).__name__, again_in=pause)
                    pause = min(pause * 2, self._limits.longest_pause)
                await self._rest(stopped, pause)
        finally:
            stopped.cancel()
            await self._end()

    async def sweep(self) -> None:
        """Once a second: see which sources are asked, free what lost its process, and count what waits."""
        now = self._clock()
        if now - self._swept_at < self._limits.sweep * SECOND:
            return
        self.asked = await self._asked()
        async with reading(self._database) as connection:
            lost = await store.any_lost(connection, now)
            if now - self._counted_at >= self._limits.count * SECOND:
                self._metrics.waits(await store.backlogs(connection), now)
                self._counted_at = now
        if lost:
            async with self._database.begin() as connection:
                logger.warning("fetches rescued", count=await store.rescue(connection, now))
        self._swept_at = now

    async def begin_due(self) -> int:
        """Lease what is due, as much as there is room for, and begin to fetch it; how many."""
        now = self._clock()
        found: dict[str, list[str]] = {}
        async with reading(self._database) as connection:
            for name, asked in self.asked.items():
                if free := asked.free(now):
                    found[name] = await store.find_due(connection, name, now, free)
        taken: list[Leased] = []
        if any(found.values()):
            async with self._database.begin() as connection:
                for name, ids in found.items():
                    taken += await store.lease(connection, name, ids, now, now + self._limits.lease)
        for leased in taken:
            asked = self.asked[leased.source]
            asked.busy += 1
            task = asyncio.create_task(self._fetch(leased, asked))
            self._under_way[task] = leased
            task.add_done_callback(lambda task, asked=asked: self._done(task, asked))  # type: ignore[misc]
        return len(taken)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _asked(self) -> dict[str, Asked]:
        """The sources that are asked; those that are as they were stay as they are."""
        asked = {}
        for name, configured in (await self._configured.all()).items():
            settings = asked_of(configured)
            if settings is None:
                continue
            known = self.asked.get(name)
            if known is not None and known.known_by == mark_of(configured, settings):
                asked[name] = known
                continue
            asked[name] = Asked(configured, settings, self._http, self._clock)
            if known is None or known.standing.paused:
                await self._let_in(name)
        return asked

    async def _let_in(self, name: str) -> None:
        async with self._database.begin() as connection:
            count = await store.let_in(connection, name, self._clock())
        self._metrics.paused.labels(name).set(0)
        if count:
            logger.info("source asked again", source=name, count=count)

    async def _fetch(self, leased: Leased, asked: Asked) -> None:
        if leased.failures >= MAX_LOST:
            lost = GiveUp(f"its process was lost more than {MAX_LOST - 1} times while it was fetched")
            fetched = Fetched(lost, by_vendor=False)
        else:
            fetched = await fetch(leased, asked.configured, asked.api, self._log, self._limits.deadline)
        now = self._clock()
        outcome = decided = standing.judged(asked.standing, fetched.outcome)
        if isinstance(outcome, TryAgain):
            decided = after_failure(outcome, leased.failures, now - leased.created_at, self._jitter())
        if fetched.by_vendor:
            # A failure is one also when it was the last: that the thing is given up says nothing good of the vendor.
            self._stands(leased.source, asked, decided if isinstance(decided, TryAgain) else outcome, now)
        self._metrics.fetches.labels(leased.source, name_of(decided)).inc()
        if not isinstance(decided, Delivered):
            logger.warning("not fetched", source=leased.source, id=leased.id, outcome=name_of(decided), reason=decided.reason)
        await end_lease(self._database, leased, decided, self._clock, now + self._limits.lease)

    def _stands(self, name: str, asked: Asked, outcome: Outcome, now: Instant) -> None:
        was = asked.standing.paused
        asked.standing = standing.after(asked.standing, outcome, now)
        if asked.standing.paused != was:
            self._metrics.paused.labels(name).set(asked.standing.paused)
            if was:
                logger.info("source lets us in", source=name)
            else:
                logger.error("source paused", source=name, reason=getattr(outcome, "reason", ""))

    def _done(self, task: asyncio.Task[None], asked: Asked) -> None:
        asked.busy -= 1
        self._under_way.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("fetch not ended", error=repr(error), exc_info=error)
        # Its place is free, and what is told next of its thing may be due.
        self._wake.set()

    async def _end(self) -> None:
        """What does not end in time is given back, for whoever comes next."""
        if not self._under_way:
            return
        await asyncio.wait(list(self._under_way), timeout=self._limits.ending)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            async with self._database.begin() as connection:
                for leased in left.values():
                    await store.put_off(connection, leased, "waiting", self._clock(), leased.failures, None)
        except DATABASE_AWAY as error:
            logger.warning("fetches not given back", count=len(left), error=type(error).__name__)

    async def _rest(self, stopped: "asyncio.Task[bool]", seconds: float) -> None:
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({woken, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
