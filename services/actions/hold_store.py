"""SQL of what is held: by a play's guard when its run opened, or because its account is muted. As in store.py, none commits.

A held delivery's `due_at` is when it is looked at again: when the mute ends, when events may have come again, or never.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables import account, decision, delivery, heard, mute, run_context
from shared.event_names import is_one_of
from shared.instants import Instant

# The reasons by which held deliveries are known again; what follows is for people.
MUTED, STALE = "muted", "guard.fresh"
_LOCK_PLAY = text("SELECT pg_advisory_xact_lock(hashtextextended('guard ' || :play, 0))")


class Muted(NamedTuple):
    """A delivery whose turn it is, of an account that is muted."""

    delivery_id: str
    until: Instant
    reason: str


class Look(NamedTuple):
    """A held delivery that is to be looked at again, with the record that opened its run."""

    delivery_id: str
    reason: str
    record: bytes


# ------------------------------------------------------------------ mutes


def not_muted(now: Instant) -> ColumnElement[bool]:
    """Nothing goes out for a muted account; waits go on, for nobody sees them."""
    return or_(delivery.c.kind == "wait", delivery.c.account_id.not_in(select(mute.c.account_id).where(mute.c.until > now)))


async def muted_due(connection: AsyncConnection, now: Instant, limit: int) -> list[Muted]:
    """Deliveries whose turn it is and that a mute keeps back."""
    found = await connection.execute(
        select(delivery.c.delivery_id, mute.c.until, mute.c.reason)
        .join(mute, mute.c.account_id == delivery.c.account_id)
        .where(delivery.c.state == "waiting", delivery.c.due_at <= now, delivery.c.kind != "wait", mute.c.until > now)
        .limit(limit)
    )
    return [Muted(*row) for row in found]


async def hold(connection: AsyncConnection, delivery_id: str, reason: str, until: Instant) -> None:
    """Keep a waiting delivery back, and look at it again then."""
    await connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id == delivery_id, delivery.c.state == "waiting")
        .values(state="held", reason=reason, due_at=until)
    )


# ------------------------------------------------------------------ held, and looked at again


async def to_look_at(connection: AsyncConnection, now: Instant, limit: int) -> list[Look]:
    """Held deliveries that may go out by now."""
    ours = or_(delivery.c.reason.like(f"{MUTED}%"), delivery.c.reason.like(f"{STALE}%"))
    found = await connection.execute(
        select(delivery.c.delivery_id, delivery.c.reason, run_context.c.record)
        .join(run_context, run_context.c.run_id == delivery.c.run_id)
        .where(delivery.c.state == "held", delivery.c.due_at <= now, ours)
        .order_by(delivery.c.due_at)
        .limit(limit)
    )
    return [Look(*row) for row in found]


async def let_go(connection: AsyncConnection, delivery_id: str, at: Instant, reason: str | None = None) -> None:
    """A held delivery goes out at `at`, unless its run resolves before."""
    await connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id == delivery_id, delivery.c.state == "held")
        .values(state="waiting", due_at=at, reason=reason)
    )


async def look_later(connection: AsyncConnection, delivery_id: str, at: Instant) -> None:
    """It stays held until it is looked at again."""
    await connection.execute(
        update(delivery).where(delivery.c.delivery_id == delivery_id, delivery.c.state == "held").values(due_at=at)
    )


# ------------------------------------------------------------------ guards


async def lock_plays(connection: AsyncConnection, plays: Iterable[str]) -> None:
    """Until the transaction ends nobody else lets runs of these plays go. SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        for play in sorted(set(plays)):
            await connection.execute(_LOCK_PLAY, {"play": play})


async def unknown_runs(connection: AsyncConnection, run_ids: list[str]) -> set[str]:
    """Those of the runs that were not taken before."""
    found = await connection.execute(select(run_context.c.run_id).where(run_context.c.run_id.in_(run_ids)))
    return set(run_ids) - {row[0] for row in found}


async def let_through(connection: AsyncConnection, play: str, after: Instant, until: Instant) -> int:
    """How many runs of the play that opened in (after, until] its guard let go their way."""
    window = and_(run_context.c.opened_at > after, run_context.c.opened_at <= until)
    found = await connection.execute(
        select(func.count()).where(run_context.c.play == play, window, run_context.c.guarded.is_(None))
    )
    return int(found.scalar_one())


async def count_accounts(connection: AsyncConnection) -> int:
    """How many accounts there are."""
    return int((await connection.execute(select(func.count()).select_from(account))).scalar_one())


async def last_heard(connection: AsyncConnection, patterns: Iterable[str]) -> Instant | None:
    """When an event of one of these names last came, whichever account it was of; None when that is not known."""
    wanted = tuple(patterns)
    found = await connection.execute(select(heard.c.name, func.max(heard.c.at)).group_by(heard.c.name))
    return max((row[1] for row in found if is_one_of(row[0], wanted)), default=None)


async def note_decisions(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Say on the account's record that the guard held runs."""
    if rows:
        insert = postgresql.insert(decision) if connection.dialect.name == "postgresql" else sqlite.insert(decision)
        await connection.execute(insert.on_conflict_do_nothing(), rows)
