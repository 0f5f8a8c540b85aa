"""Since when this deployment hears events at all: decided once, at the first apply, and kept in the workspace's document."""

from shared.clock import Clock
from shared.instants import Instant
from shared.log.contract import Log
from shared.topics import EVENTS

GROUP = "console"
POLL_SECONDS = 0.1


async def listening_began(log: Log, clock: Clock, at: Instant | None) -> Instant:
    """The time of the log's first record; of an empty log `at`, the time of the record about to be its first.

    Without `at` that record gets the clock's time, or in a log opened for replay time zero.

    Raises LogUnavailable.
    """
    first = await _first_record_at(log)
    if first is None:
        return at if at is not None else 0 if log.replay else clock()
    return first if at is None else min(first, at)


async def _first_record_at(log: Log) -> Instant | None:
    unheard: set[int] = set()

    async def from_the_beginning(partitions: frozenset[int]) -> dict[int, int]:
        unheard.update(partitions)
        return dict.fromkeys(partitions, 0)

    async def forget(partitions: frozenset[int]) -> None:
        unheard.difference_update(partitions)

    first: Instant | None = None
    async with log.subscribe(EVENTS, GROUP, from_the_beginning, forget) as subscription:
        while True:
            read = await subscription.poll(max_records=1, wait=POLL_SECONDS)
            for partition, records in read.items():
                if records and partition in unheard:
                    unheard.discard(partition)
                    first = min(records[0].at, first if first is not None else records[0].at)
            ends = await subscription.end_offsets()
            if ends and not any(ends[partition] for partition in unheard & ends.keys()):
                return first
