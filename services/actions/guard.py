"""What holds deliveries though their runs are in order: the play's guard, and mutes.

`max_runs`  more runs of the play than usual: those past it are held until a person releases or drops them
`fresh`     no account at all has sent the play's events for so long: the pipe is broken, not the customers. Held until events
            have come again, and a while longer, for what was stuck has to arrive; a run that resolves first drops them
a mute      a person wants quiet for an account until an instant

Runs do not depend on any of it, only deliveries do. https://prometheus.io/docs/alerting/latest/alertmanager/ calls its own
likes inhibition and silences.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.actions import hold_store
from services.actions.hold_store import MUTED, STALE
from shared.db.database import reading
from shared.instants import MINUTE, Instant, parse_instant, show_duration, show_instant
from shared.records import Guard, RunOpened
from shared.telemetry import log_for

# A play's runs in a day, where its guard says nothing: so many, or this share of all accounts where that is more.
USUAL_RUNS, USUAL_SHARE = 100, 0.1
# How long a count of all accounts is good enough.
COUNT_AGAIN = 10 * MINUTE
# After events have come again, what was stuck is waited for; until then it is looked for them so often.
GRACE, LOOK_AGAIN = 15 * MINUTE, MINUTE
# Held until a person decides.
NEVER = parse_instant("9999-12-31T00:00:00Z")
LIMIT = 500
_DECISIONS = uuid.UUID("a3f3f0f8-5a5c-5d3c-8f4e-2f9f3f0b6c11")
_USUAL = Guard()

logger = log_for("actions")


class GuardKeeper:
    """Decides about the runs of a batch. It remembers how many accounts there are for a while."""

    def __init__(self) -> None:
        self._accounts = 0
        self._counted_at: Instant | None = None

    async def held(self, connection: AsyncConnection, runs: Sequence[RunOpened], now: Instant) -> dict[str, tuple[str, Instant]]:
        """Of these runs, in order, those whose deliveries are held: why, and when that is looked at again."""
        await hold_store.lock_plays(connection, [run.play for run in runs])
        unknown = await hold_store.unknown_runs(connection, [run.run_id for run in runs])
        new = [run for run in runs if run.run_id in unknown]
        calm = await _calm_plays(connection, new)
        held: dict[str, tuple[str, Instant]] = {}
        through: dict[str, list[Instant]] = defaultdict(list)
        for run in new:
            stale = await _stale(connection, run)
            many = None if stale or run.play in calm else await self._too_many(connection, run, through[run.play], now)
            if stale is not None:
                held[run.run_id] = (stale, now + LOOK_AGAIN)
            elif many is not None:
                held[run.run_id] = (many, NEVER)
            else:
                through[run.play].append(run.opened_at)
        await hold_store.note_decisions(connection, [_decision(run, held[run.run_id][0]) for run in new if run.run_id in held])
        return held

    async def _too_many(self, connection: AsyncConnection, run: RunOpened, through: list[Instant], now: Instant) -> str | None:
        """`through` are the runs of the play that this batch has let go their way."""
        guard = run.guard or _USUAL
        after = run.opened_at - guard.per
        before = await hold_store.let_through(connection, run.play, after, run.opened_at)
        before += sum(after < opened_at <= run.opened_at for opened_at in through)
        most = guard.max_runs
        if most is None:
            if before < USUAL_RUNS:
                return None
            most = max(USUAL_RUNS, int(USUAL_SHARE * await self._count_accounts(connection, now)))
        if before < most:
            return None
        return f"guard.max_runs: {before} runs of {run.play} went out in {show_duration(guard.per)}, at most {most} may"

    async def _count_accounts(self, connection: AsyncConnection, now: Instant) -> int:
        if self._counted_at is None or now - self._counted_at > COUNT_AGAIN:
            self._accounts, self._counted_at = await hold_store.count_accounts(connection), now
        return self._accounts


async def _calm_plays(connection: AsyncConnection, runs: Sequence[RunOpened]) -> set[str]:
    """The plays of which all these runs may go: nearly always all of them, at the price of one look at each."""
    by_play: dict[str, list[RunOpened]] = defaultdict(list)
    for run in runs:
        by_play[run.play].append(run)
    calm = set()
    for play, some in by_play.items():
        guards = [run.guard or _USUAL for run in some]
        after = min(run.opened_at - guard.per for run, guard in zip(some, guards, strict=True))
        most = min(USUAL_RUNS if guard.max_runs is None else guard.max_runs for guard in guards)
        before = await hold_store.let_through(connection, play, after, max(run.opened_at for run in some))
        if before + len(some) <= most:
            calm.add(play)
    return calm


async def _stale(connection: AsyncConnection, run: RunOpened) -> str | None:
    guard = run.guard
    if guard is None or guard.fresh is None:
        return None
    last = await hold_store.last_heard(connection, guard.names)
    if last is None or run.opened_at - last <= guard.fresh:
        return None
    names = ", ".join(guard.names)
    return f"{STALE}: no account has sent {names} since {show_instant(last)}, for more than {show_duration(guard.fresh)}"


def _decision(run: RunOpened, reason: str) -> dict[str, Any]:
    return {
        "decision_id": str(uuid.uuid5(_DECISIONS, run.run_id)),
        "play": run.play,
        "version": run.version,
        "account_id": run.account_id,
        "subject": run.subject,
        "at": run.opened_at,
        "reason": "guard",
        "detail": {"run_id": run.run_id, "held": reason},
    }


async def look_again(database: AsyncEngine, now: Instant) -> None:
    """Hold what mutes keep back, and let go what need not be held any more."""
    async with reading(database) as connection:
        muted = await hold_store.muted_due(connection, now, LIMIT)
        looks = await hold_store.to_look_at(connection, now, LIMIT)
    if not muted and not looks:
        return
    async with database.begin() as connection:
        for one in muted:
            reason = f"{MUTED} until {show_instant(one.until)}: {one.reason}"
            await hold_store.hold(connection, one.delivery_id, reason, one.until)
            logger.info("delivery held", delivery=one.delivery_id, reason=reason)
        for look in looks:
            await _look(connection, look, now)


async def _look(connection: AsyncConnection, look: hold_store.Look, now: Instant) -> None:
    if look.reason.startswith(MUTED):
        await hold_store.let_go(connection, look.delivery_id, now)
        return
    run = msgspec.json.decode(look.record, type=RunOpened)
    guard = run.guard or _USUAL
    last = await hold_store.last_heard(connection, guard.names)
    if last is None or last <= run.opened_at:
        await hold_store.look_later(connection, look.delivery_id, now + LOOK_AGAIN)
        return
    goes_out = now + GRACE
    reason = f"{STALE}: events have come again since {show_instant(last)}; it goes out at {show_instant(goes_out)}"
    await hold_store.let_go(connection, look.delivery_id, goes_out, reason)
    logger.info("delivery goes out", delivery=look.delivery_id, reason=reason)
