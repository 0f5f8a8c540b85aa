"""What events are called, and what they carry."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.paging import Rows
from shared.db.tables import event


async def count_names(connection: AsyncConnection) -> Rows:
    """Each name: how many events, when the first and the last of them happened."""
    columns = (
        event.c.name,
        func.count().label("events"),
        func.min(event.c.occurred_at).label("first_at"),
        func.max(event.c.occurred_at).label("last_at"),
    )
    return (await connection.execute(select(*columns).group_by(event.c.name).order_by(event.c.name))).all()


async def newest_properties(connection: AsyncConnection, each: int, *, names: Sequence[str], since_month: int | None) -> Rows:
    """(name, properties) of the newest events of these names; with `since_month` only of that month (of `month_of`) and later."""
    place = func.row_number().over(partition_by=event.c.name, order_by=event.c.received_at.desc()).label("place")
    some = select(event.c.name, event.c.properties, place).where(event.c.name.in_(names))
    if since_month is not None:
        some = some.where(event.c.month >= since_month)
    numbered = some.subquery()
    return (await connection.execute(select(numbered.c.name, numbered.c.properties).where(numbered.c.place <= each))).all()
