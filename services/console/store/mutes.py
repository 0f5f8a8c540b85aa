"""Accounts for which nothing goes out until an instant."""

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import AnyRow, Rows
from shared.db.tables import delivery, mute
from shared.instants import Instant


async def mute_of(connection: AsyncConnection, account_id: str, now: Instant) -> AnyRow | None:
    """The account's mute, if it has not ended."""
    asked = select(mute).where(mute.c.account_id == account_id, mute.c.until > now)
    return (await connection.execute(asked)).first()


async def muted_until(connection: AsyncConnection, account_id: str, now: Instant) -> Instant | None:
    """Until when the account is muted; None when it is not."""
    found = await mute_of(connection, account_id, now)
    return None if found is None else int(found.until)


async def list_mutes(connection: AsyncConnection, now: Instant, limit: int) -> Rows:
    """The mutes that have not ended, the one that ends first before the others."""
    asked = select(mute).where(mute.c.until > now).order_by(mute.c.until, mute.c.account_id).limit(limit)
    return (await connection.execute(asked)).all()


async def set_mute(connection: AsyncConnection, account_id: str, *, until: Instant, reason: str, by: str, now: Instant) -> None:
    """Mute an account; a mute that it has gives way. What is held already is looked at again at the new end."""
    insert = postgresql.insert(mute) if connection.dialect.name == "postgresql" else sqlite.insert(mute)
    values = {"until": until, "reason": reason, "muted_by": by, "muted_at": now}
    await connection.execute(
        insert.values(account_id=account_id, **values).on_conflict_do_update(index_elements=["account_id"], set_=values)
    )
    await _look_again(connection, account_id, until)


async def lift_mute(connection: AsyncConnection, account_id: str, now: Instant) -> bool:
    """End a mute; what it held goes out. False: the account is not muted."""
    lifted = await connection.execute(delete(mute).where(mute.c.account_id == account_id, mute.c.until > now))
    if lifted.rowcount == 0:
        return False
    await _look_again(connection, account_id, now)
    return True


async def _look_again(connection: AsyncConnection, account_id: str, at: Instant) -> None:
    held = (delivery.c.account_id == account_id, delivery.c.state == "held", delivery.c.reason.like("muted%"))
    await connection.execute(update(delivery).where(*held).values(due_at=at))
