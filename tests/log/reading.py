"""A reader for tests: a member of a group that keeps what it reads, its offsets and what it was told."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from shared.log.contract import Log, Record, Subscription

# No wait of a test is longer; seconds.
PATIENCE = 20.0


class Reader:
    """`async with Reader(log) as reader: await reader.until(3)`. Readers that share `offsets` are as workers on one database."""

    def __init__(
        self, log: Log, topic: str = "events", group: str = "readers", offsets: dict[int, int] | None = None, at_once: int = 1000
    ) -> None:
        self.offsets = {} if offsets is None else offsets
        self.records: list[Record] = []
        self.told: list[tuple[str, frozenset[int]]] = []
        self.held: frozenset[int] = frozenset()
        self.subscription: Subscription = log.subscribe(topic, group, self._assigned, self._revoked)
        self._at_once = at_once
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.subscription)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Leave the group, if that was not done before."""
        await self._stack.aclose()

    async def poll(self, wait: float = 0.1) -> list[Record]:
        """One poll; what it gave."""
        found = await self.subscription.poll(self._at_once, wait)
        records = [record for some in found.values() for record in some]
        for record in records:
            assert record.offset == self.offsets.get(record.partition, 0), "a record was skipped or read twice"
            self.offsets[record.partition] = record.offset + 1
        self.records.extend(records)
        return records

    async def until(self, count: int) -> list[Record]:
        """Poll until `count` records were read in all."""
        await until(lambda: len(self.records) >= count, self)
        return self.records

    async def holds(self, *partitions: int) -> None:
        """Poll until exactly these partitions are held."""
        await until(lambda: self.held == frozenset(partitions), self)

    def values(self) -> list[bytes]:
        """What was read."""
        return [record.value for record in self.records]

    async def _assigned(self, partitions: frozenset[int]) -> dict[int, int]:
        self.told.append(("assigned", partitions))
        self.held = partitions
        return {partition: self.offsets.get(partition, 0) for partition in partitions}

    async def _revoked(self, partitions: frozenset[int]) -> None:
        self.told.append(("revoked", partitions))
        self.held = frozenset()


async def until(condition: Callable[[], bool], *readers: Reader) -> None:
    """Let the readers poll, side by side, until the condition is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, (
            f"not within {PATIENCE} s: {[(reader.held, len(reader.records)) for reader in readers]}"
        )
        await asyncio.gather(*(reader.poll() for reader in readers))


async def poll_until(condition: Callable[[], bool], subscription: Subscription) -> None:
    """Poll until the condition is true; what comes is dropped."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s"
        await subscription.poll(1000, 0.1)


async def read_all(log: Log, count: int, topic: str = "events", group: str = "all") -> list[Record]:
    """The first `count` records of the topic, partition by partition."""
    async with Reader(log, topic, group) as reader:
        return sorted(await reader.until(count), key=lambda record: (record.partition, record.offset))
