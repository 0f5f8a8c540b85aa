"""Bringing accounts that are older than a set of plays to it: each when it is first needed, all others by a pass in chunks.

New memory is filled from stored history, as of the Applied record; what was true then is known, what rises after is an edge.
Which accounts are done is kept with each account (`plays_offset`), so that neither way does one twice.
"""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import store
from services.rules.catalog import Catalog
from services.rules.partitions import Owned
from services.rules.work import Work
from shared.db.database import reading


async def next_to_warm(database: AsyncEngine, owned: Owned, limit: int) -> tuple[dict[str, Work], Catalog]:
    """The next accounts of the pass, and the partition's catalog once they are done."""
    catalog = owned.catalog
    async with reading(database) as connection:
        found = await store.accounts_to_warm(connection, owned.partition, catalog.cursor, catalog.offset, limit)
    works = {account_id: Work(owned, account_id) for account_id in found}
    return works, catalog.warmed_to(found[-1]) if len(found) == limit else catalog.warmed()
