"""Events whose account is not known, and the aliases by which it may be."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import Rows
from shared.db.tables import account, alias, unassigned

_EVENTS = func.count().label("events")
_OLDEST = func.min(unassigned.c.received_at).label("oldest")


async def count_by_name(connection: AsyncConnection) -> Rows:
    """Events without an account, by name: how many, and since when."""
    asked = select(unassigned.c.name, _EVENTS, _OLDEST).group_by(unassigned.c.name).order_by(unassigned.c.name)
    return (await connection.execute(asked)).all()


async def count_aliases(connection: AsyncConnection) -> int:
    """Under how many aliases events wait."""
    return int((await connection.execute(select(func.count(unassigned.c.about.distinct())))).scalar_one())


async def largest(connection: AsyncConnection, limit: int) -> Rows:
    """The aliases under which most events wait: how many, since when, until when."""
    newest = func.max(unassigned.c.received_at).label("newest")
    asked = select(unassigned.c.about, _EVENTS, _OLDEST, newest).group_by(unassigned.c.about)
    return (await connection.execute(asked.order_by(_EVENTS.desc(), unassigned.c.about).limit(limit))).all()


async def names_of(connection: AsyncConnection, abouts: Sequence[str]) -> Rows:
    """What waits under these aliases: names and sources, each pair once, with one of its events as it waits."""
    columns = (unassigned.c.about, unassigned.c.name, unassigned.c.source)
    each = select(*columns, _EVENTS, func.min(unassigned.c.id).label("id")).where(unassigned.c.about.in_(abouts))
    some = each.group_by(*columns).subquery()
    of_some = (unassigned.c.about == some.c.about) & (unassigned.c.source == some.c.source) & (unassigned.c.id == some.c.id)
    asked = select(some.c.about, some.c.name, some.c.source, some.c.events, unassigned.c.record).join(unassigned, of_some)
    return (await connection.execute(asked.order_by(some.c.about, some.c.events.desc(), some.c.name))).all()


async def waiting_under(connection: AsyncConnection, about: str) -> int:
    """How many events wait under an alias."""
    asked = select(func.count()).select_from(unassigned).where(unassigned.c.about == about)
    return int((await connection.execute(asked)).scalar_one())


async def aliases_of(connection: AsyncConnection, account_id: str, limit: int) -> Rows:
    """What means this account, by name."""
    asked = select(alias).where(alias.c.account_id == account_id).order_by(alias.c.alias).limit(limit)
    return (await connection.execute(asked)).all()


async def traits_of(connection: AsyncConnection, account_ids: Sequence[str]) -> dict[str, str]:
    """The traits, as JSON, of those accounts that exist."""
    asked = select(account.c.account_id, account.c.traits).where(account.c.account_id.in_(account_ids))
    return {row.account_id: row.traits for row in await connection.execute(asked)}


async def accounts_of(connection: AsyncConnection, aliases: Sequence[str]) -> dict[str, str]:
    """The accounts that aliases mean; others are left out."""
    asked = select(alias.c.alias, alias.c.account_id).where(alias.c.alias.in_(aliases), alias.c.account_id.is_not(None))
    return {row.alias: row.account_id for row in await connection.execute(asked)}
