"""How far each partition of a topic has been processed, in the same database as what became of it.

A worker that takes a partition raises its epoch; whoever held it before then finds that its own epoch is no longer there, and its
transaction changes nothing.
"""

from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables import partition
from shared.instants import Instant


class Taken(NamedTuple):
    """A partition as it was when this worker took it."""

    epoch: int
    next_offset: int


async def take(connection: AsyncConnection, topic: str, number: int) -> Taken:
    """Take a partition from whoever has it."""
    insert = postgresql.insert(partition) if connection.dialect.name == "postgresql" else sqlite.insert(partition)
    found = await connection.execute(
        insert.values(topic=topic, partition=number, epoch=1, next_offset=0, at=0)
        .on_conflict_do_update(index_elements=["topic", "partition"], set_={"epoch": partition.c.epoch + 1})
        .returning(partition.c.epoch, partition.c.next_offset)
    )
    row = found.one()
    return Taken(row[0], row[1])


async def advance(connection: AsyncConnection, topic: str, number: int, *, epoch: int, next_offset: int, at: Instant) -> bool:
    """Note that everything before `next_offset` is done. False: the partition is another worker's by now."""
    found = await connection.execute(
        update(partition)
        .where(partition.c.topic == topic, partition.c.partition == number, partition.c.epoch == epoch)
        .values(next_offset=next_offset, at=at)
    )
    return found.rowcount == 1
