"""For how many subjects a play was true already when it was applied: what `plays apply` prints of `on_activate`.

A row for each play and partition, of the version that is active there. It is complete once every account of the partition has
been brought to the plays, which may take longer than the record that applied them.
"""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules.catalog import Catalog
from shared.db.tables import activation


async def follow(connection: AsyncConnection, partition: int, before: Catalog, after: Catalog) -> None:
    """A partition goes from one catalog to the next: new versions begin at none, and are complete when all is done."""
    if after.offset != before.offset:
        await _begin(connection, partition, before, after)
    elif before.warming and not after.warming:
        await connection.execute(update(activation).where(activation.c.partition == partition).values(complete=True))


async def _begin(connection: AsyncConnection, partition: int, before: Catalog, after: Catalog) -> None:
    here = activation.c.partition == partition
    known = {row.play for row in await connection.execute(select(activation.c.play).where(here))}
    versions = {play.play: play.version for play in before.applied.plays if play.play in known}
    kept = {play.play for play in after.applied.plays if versions.get(play.play) == play.version}
    await connection.execute(delete(activation).where(here, activation.c.play.not_in(kept)))
    new = [play for play in after.applied.plays if play.play not in kept]
    if new:
        start = {"partition": partition, "already": 0, "complete": False}
        await connection.execute(insert(activation), [{"play": play.play, "version": play.version, **start} for play in new])


async def count(connection: AsyncConnection, already: Mapping[tuple[int, str], int]) -> None:
    """So many more subjects, by partition and play."""
    for (partition, play), number in already.items():
        row = (activation.c.partition == partition) & (activation.c.play == play)
        await connection.execute(update(activation).where(row).values(already=activation.c.already + number))
