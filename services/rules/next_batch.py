"""The next batch of a worker: which records it takes, and what is known of them before it is decided."""

import asyncio
from collections.abc import Iterable
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.batch import Batch
from services.rules.partitions import Owned
from services.rules.reading import Begin, read_slice
from services.rules.work import works_of
from shared.log.contract import Record

# Records of a partition, and where they begin if those before them are not stored yet.
Taken = tuple[Owned, list[Record], Begin | None]


def next_records(partitions: Iterable[Owned], room: int, after: Batch | None) -> list[Taken]:
    """The next records, at most `room`; those `after` a batch that is not stored yet."""
    # Copied, because the next ones arrive while a thread reads these.
    found: list[Taken] = []
    for owned in partitions:
        begin = None if after is None else after.end_of(owned)
        skipped = 0 if after is None else sum(part.count for part in after.parts if part.owned is owned)
        records = [] if owned.held else list(islice(owned.pending, skipped, skipped + room))
        if records:
            found.append((owned, records, begin))
            room -= len(records)
    return found


async def batch_of(database: AsyncEngine, found: list[Taken], after: Batch | None, replay: bool, due: int) -> Batch | None:
    """A batch of these records that has asked which are known; None when nothing is to be done with them yet.

    Raises what the database raises.
    """
    batch = await asyncio.to_thread(_read, found, replay, due)
    if batch is not None:
        await batch.ask(database, after)
    return batch


def _read(found: list[Taken], replay: bool, due: int) -> Batch | None:
    parts = [part for part in (read_slice(owned, records, begin) for owned, records, begin in found) if part.moves]
    return Batch([part.owned for part in parts], parts, works_of(parts), replay, due) if parts else None
