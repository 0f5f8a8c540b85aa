"""Writes the ends of deliveries down, those that come together in one transaction: a commit costs more than what it holds.

An end that finds its lease lost writes nothing and leaves the others as they are. While the database is away an end is tried
again until its lease has run out; then the delivery is somebody else's business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.actions.store import Leased
from shared.clock import Clock
from shared.db.away import DATABASE_AWAY
from shared.instants import Instant
from shared.telemetry import log_for

MOST_AT_ONCE = 64
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

logger = log_for("actions")

End = Callable[[AsyncConnection], Awaitable[None]]


class StaleLease(Exception):
    """The lease ran out and the delivery is somebody else's; nothing was written for it."""


@dataclass(slots=True)
class _Waiting:
    leased: Leased
    end: End
    until: Instant
    written: asyncio.Future[None] = field(default_factory=asyncio.Future)


class GroupCommit:
    """One per worker."""

    def __init__(self, database: AsyncEngine, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, leased: Leased, end: End, until: Instant) -> None:
        """Have `end` written; returns when it is committed, found stale, or given up after `until`."""
        waiting = _Waiting(leased, end, until)
        self._waiting.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await waiting.written

    async def _write_all(self) -> None:
        pause = FIRST_PAUSE
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                await self._commit(batch)
                pause = FIRST_PAUSE
            except DATABASE_AWAY as error:
                logger.warning("ends not written", deliveries=len(batch), error=type(error).__name__, again_in=pause)
                self._waiting = [each for each in batch if not self._given_up(each)] + self._waiting
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - one end that cannot be written must not take the others with it
                await self._alone(batch, error)

    async def _commit(self, batch: list[_Waiting]) -> None:
        # Everywhere in the order of their runs, so that two transactions never wait for each other.
        async with self._database.begin() as connection:
            for each in sorted(batch, key=lambda each: each.leased.run_id):
                try:
                    await each.end(connection)
                except StaleLease:
                    logger.warning("lease lost", delivery=each.leased.delivery_id, attempt=each.leased.attempt)
        for each in batch:
            each.written.set_result(None)

    async def _alone(self, batch: list[_Waiting], error: Exception) -> None:
        """Of a batch with an end that cannot be written, write the others; that one fails."""
        if len(batch) == 1:
            batch[0].written.set_exception(error)
            return
        for each in batch:
            try:
                await self._commit([each])
            except DATABASE_AWAY:
                self._waiting.append(each)
            except Exception as own:  # noqa: BLE001 - it is handed to whoever waits for it
                each.written.set_exception(own)

    def _given_up(self, each: _Waiting) -> bool:
        if self._clock() < each.until:
            return False
        logger.error("end not written", delivery=each.leased.delivery_id, attempt=each.leased.attempt)
        each.written.set_result(None)
        return True
