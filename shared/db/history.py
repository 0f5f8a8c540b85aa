"""Where an account's events are. They are stored by month, then by account: what comes in lies together in the newest months."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# One look into the index for each month, however many events it has.
_MONTHS = text(
    "WITH RECURSIVE stored(month) AS (SELECT max(month) FROM event UNION ALL "
    "SELECT (SELECT max(month) FROM event WHERE event.month < stored.month) FROM stored WHERE stored.month IS NOT NULL) "
    "SELECT month FROM stored WHERE month IS NOT NULL"
)


async def months_stored(connection: AsyncConnection) -> list[int]:
    """The months (`shared.instants.month_of`) in which any event was received, the newest first."""
    return list(await connection.scalars(_MONTHS))
