"""Writes down what a try came to, and when it is tried again."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ingest.fetching import store
from services.ingest.fetching.standing import REFUSED_FOR
from services.ingest.fetching.store import Leased
from shared.clock import Clock
from shared.db.away import DATABASE_AWAY
from shared.instants import SECOND, Instant
from shared.outbound.outcomes import Delivered, GiveUp, Hold, Outcome, Pause, TryAgain
from shared.telemetry import log_for

logger = log_for("ingest")

# How long the log may be away before it is asked again.
HELD_FOR = 5 * SECOND
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


async def end_lease(database: AsyncEngine, leased: Leased, outcome: Outcome, clock: Clock, until: Instant) -> None:
    """Have the end of a lease written, once: while the database is away it is tried until `until`, when the lease is gone."""
    pause = FIRST_PAUSE
    while not await _written(database, leased, outcome, clock()):
        if clock() >= until:
            logger.error("end not written", source=leased.source, id=leased.id)
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def name_of(outcome: Outcome) -> str:
    """How an outcome is called in metrics and lines of the log."""
    if isinstance(outcome, TryAgain):
        return "throttled" if outcome.throttled else "failed"
    names = {Delivered: "fetched", GiveUp: "given_up", Pause: "refused", Hold: "held"}
    return names.get(type(outcome), "failed")


async def _written(database: AsyncEngine, leased: Leased, outcome: Outcome, now: Instant) -> bool:
    """False: the database is away."""
    try:
        async with database.begin() as connection:
            ours = await _end(connection, leased, outcome, now)
    except DATABASE_AWAY:
        return False
    if not ours:
        logger.warning("lease lost", source=leased.source, id=leased.id)
    return True


async def _end(connection: AsyncConnection, leased: Leased, outcome: Outcome, now: Instant) -> bool:
    """False: the lease is another's by now, and nothing was changed."""
    if isinstance(outcome, Delivered):
        return await store.done(connection, leased)
    if isinstance(outcome, GiveUp):
        return await store.give_up(connection, leased, outcome.reason, now)
    if isinstance(outcome, TryAgain):
        failures = leased.failures + (0 if outcome.throttled else 1)
        return await store.put_off(connection, leased, "waiting", now + (outcome.after or 0), failures, outcome.reason)
    if isinstance(outcome, Hold):
        return await store.put_off(connection, leased, "waiting", now + HELD_FOR, leased.failures, outcome.reason)
    return await store.put_off(connection, leased, "refused", now + REFUSED_FOR, leased.failures, outcome.reason)
