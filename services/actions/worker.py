"""Leases the deliveries that are due, and carries them out, several at a time.

A delivery belongs to whoever holds its lease. A worker that dies loses its leases after a minute, and the deliveries go out
again with the same ids; one that was only slow finds, when it wants to finish, that its lease is gone, and writes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.actions import store
from services.actions.carry import Carried, carry_out
from services.actions.ending import end_try, end_wait, name_of
from services.actions.group_commit import End, GroupCommit
from services.actions.guard import look_again
from services.actions.metrics import Metrics
from services.actions.schedule import UNTIL_DONE
from services.actions.store import History, Leased
from services.actions.tokens import Tokens
from services.actions.workspace import Workspace, read_workspace
from shared.clock import Clock
from shared.db.away import DATABASE_AWAY
from shared.db.database import reading
from shared.instants import SECOND, Instant, Microseconds
from shared.outbound import breaker
from shared.outbound.breaker import Breaker
from shared.outbound.http import DEADLINE_SECONDS, Http
from shared.outbound.outcomes import Delivered, GiveUp, Hold, Outcome, TryAgain
from shared.outbound.retry import MAX_LOST
from shared.telemetry import log_for

logger = log_for("actions")

WAIT = "wait"
# How long a transaction that closes a task may take to be seen.
LOOK_BACK = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker takes on, and how patient it is. Seconds, except the lease."""

    in_flight: int = 32
    deadline: float = DEADLINE_SECONDS
    # Longer than a try may take, so that only a lost worker loses its lease.
    lease: Microseconds = 60 * SECOND
    poll: float = 0.5
    sweep: float = 1.0
    longest_pause: float = 5.0


class Worker:
    """One worker; any number of them, in any number of processes, share the deliveries."""

    def __init__(
        self,
        name: str,
        database: AsyncEngine,
        clock: Clock,
        http: Http,
        *,
        jitter: Callable[[], float],
        wake: asyncio.Event,
        metrics: Metrics,
        limits: Limits = Limits(),
    ) -> None:
        """`jitter` gives numbers from -1 to 1; `wake` is set by whoever adds deliveries in this process."""
        self.workspace = Workspace()
        self._name = name
        self._database = database
        self._clock = clock
        self._jitter = jitter
        self._http = http
        self._wake = wake
        self._metrics = metrics
        self._limits = limits
        self._ends = GroupCommit(database, clock)
        self._breakers: dict[str, Breaker] = {}
        self._under_way: dict[asyncio.Task[None], str | None] = {}
        self._swept_at: Instant = 0
        self._tokens = Tokens()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is under way is finished, nothing new begun."""
        pause = self._limits.poll
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self.sweep()
                    begun = await self.begin_due()
                    pause = self._limits.poll
                except DATABASE_AWAY as error:
                    logger.warning("database away", error=type(error).__name__, again_in=pause)
                    begun, pause = 0, min(pause * 2, self._limits.longest_pause)
                if not begun:
                    await self._rest(stopped, pause)
        finally:
            stopped.cancel()
            await self.settle()

    async def sweep(self) -> None:
        """Once a second: read the workspace, free what lost its worker, look again at what is held or waits for tasks."""
        now = self._clock()
        since = self._swept_at
        if now - since < self._limits.sweep * SECOND:
            return
        self.workspace = await read_workspace(self._database, self.workspace)
        async with reading(self._database) as connection:
            lost = await store.expired(connection, now)
            held = await store.held_destinations(connection)
            # What was committed while the last sweep looked away is seen by looking back a little further.
            waits = await store.waits_behind_closed_tasks(connection, since - LOOK_BACK, UNTIL_DONE)
        await look_again(self._database, now)
        free = [name for name in held if not isinstance(self.workspace.usable(name), Hold)]
        if lost or free or waits:
            async with self._database.begin() as connection:
                rescued = await store.rescue(connection, now) if lost else 0
                released = sum([await store.release(connection, name, now) for name in free])
                for delivery_id in waits:
                    await store.make_due(connection, delivery_id, now)
            logger.info("swept", rescued=rescued, released=released, waits=len(waits))
        self._swept_at = now

    async def begin_due(self) -> int:
        """Lease deliveries that are due, as many as there is room for, and begin to carry them out; how many."""
        now = self._clock()
        room = self._limits.in_flight - len(self._under_way)
        if room <= 0:
            return 0
        busy = Counter(self._under_way.values())
        async with reading(self._database) as connection:
            due = await store.find_due(connection, now, self._full(busy, now), room * 4)
        chosen = self._chosen(due, busy, room, now)
        if not chosen:
            return 0
        async with self._database.begin() as connection:
            taken = await store.lease(connection, chosen, self._name, now, now + self._limits.lease)
        for leased in taken:
            task = asyncio.create_task(self._carry(leased))
            self._under_way[task] = leased.destination
            task.add_done_callback(self._done)
        return len(taken)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    def _full(self, busy: Counter[str | None], now: Instant) -> list[str]:
        """The destinations that take nothing more at this moment."""
        known = {name for name in (*busy, *self._breakers) if name is not None}
        return sorted(name for name in known if self._room(name, now) <= busy[name])

    def _room(self, name: str, now: Instant) -> int:
        found = self.workspace.destinations.get(name)
        limit = 8 if found is None or isinstance(found, str) else found.settings.concurrency
        return breaker.room(self._breakers.get(name, Breaker()), limit, now)

    def _chosen(self, due: list[tuple[str, str | None]], busy: Counter[str | None], room: int, now: Instant) -> list[str]:
        """Of the deliveries due, those for which their destinations have room."""
        chosen: list[str] = []
        taken = Counter(busy)
        for delivery_id, destination in due:
            if len(chosen) >= room:
                break
            if destination is None or taken[destination] < self._room(destination, now):
                chosen.append(delivery_id)
                taken[destination] += 1
        return chosen

    async def _carry(self, leased: Leased) -> None:
        started_at = self._clock()
        if leased.kind == WAIT:
            await self.write(leased, lambda connection: end_wait(connection, leased, self.workspace.people, self._clock()))
            return
        carried = await self._try(leased)
        jitter = self._jitter()

        decided: list[Outcome] = []

        async def end(connection: AsyncConnection) -> None:
            people, now = self.workspace.people, self._clock()
            decided[:] = [await end_try(connection, leased, carried, people, started_at=started_at, now=now, jitter=jitter)]

        await self.write(leased, end)
        name = leased.destination or ""
        for outcome in decided:
            self._count(leased, outcome)
            self._breakers[name] = breaker.after(self._breakers.get(name, Breaker()), outcome, self._clock())

    async def _try(self, leased: Leased) -> Carried:
        uncertain = False
        if leased.attempt > 1:
            past = await self._history(leased)
            lost = leased.attempt - 1 - past.recorded
            uncertain = lost > 0 or past.unanswered > 0
            if lost > MAX_LOST:
                # It takes its workers down with it: leases that ended without a word.
                return Carried(GiveUp(f"its worker was lost more than {MAX_LOST} times while it was carried out"))
        try:
            return await carry_out(
                leased,
                self.workspace,
                self._http,
                self._clock,
                tokens=self._tokens,
                deadline=self._limits.deadline,
                uncertain=uncertain,
            )
        except Exception as error:
            # A fault of our own in one delivery: it is tried again like any other failure, and ends in the dead letters.
            logger.error("delivery not carried out", delivery=leased.delivery_id, exc_info=error)
            return Carried(TryAgain(f"it could not be carried out ({type(error).__name__})"))

    async def _history(self, leased: Leased) -> History:
        async with reading(self._database) as connection:
            return await store.history(connection, leased.delivery_id)

    def _count(self, leased: Leased, outcome: Outcome) -> None:
        self._metrics.tries.labels(leased.destination, name_of(outcome)).inc()
        if isinstance(outcome, Delivered):
            self._metrics.seconds.observe((self._clock() - leased.reached_at) / SECOND)

    async def write(self, leased: Leased, end: End) -> None:
        """Have the end of a lease written down, as long as it is worth it."""
        await self._ends.write(leased, end, self._clock() + self._limits.lease)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("delivery not carried out", error=repr(error), exc_info=error)
        # Its place is free, and its run's next step may be due.
        self._wake.set()

    async def _rest(self, stopped: "asyncio.Task[bool]", seconds: float) -> None:
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({woken, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
