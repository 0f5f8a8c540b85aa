"""Consumer groups of the embedded log: several members share a topic's partitions, as Kafka's do."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from shared.log.contract import Record
from shared.log.holding import Holding

# Records of a partition: (partition, offset, limit).
Read = Callable[[int, int, int], Awaitable[list[Record]]]
Ends = Callable[[], dict[int, int]]


class Group:
    """The members of one group on one topic; whenever one comes or goes, the partitions are dealt anew."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._members: list[EmbeddedSubscription] = []

    def join(self, member: "EmbeddedSubscription") -> None:
        """Add a member."""
        self._members.append(member)
        self._deal()

    def leave(self, member: "EmbeddedSubscription") -> None:
        """Take a member away."""
        self._members.remove(member)
        self._deal()

    async def others_outside(self, member: "EmbeddedSubscription") -> None:
        """Wait until no other member is taking what may have been dealt to this one since."""
        for other in list(self._members):
            if other is not member:
                await other.holding.outside()

    def wake(self) -> None:
        """Something was appended, or dealt: whoever waits looks again."""
        for member in self._members:
            member.changed.set()

    def _deal(self) -> None:
        for place, member in enumerate(self._members):
            member.holding.gave(frozenset(range(place, self._partitions, len(self._members))))
        self.wake()


class EmbeddedSubscription:
    """A member of a group; see `shared.log.contract.Subscription`."""

    def __init__(self, holding: Holding, group: Group, read: Read, ends: Ends) -> None:
        self.holding = holding
        self.changed = asyncio.Event()
        self._group = group
        self._read = read
        self._ends = ends
        self._next: dict[int, int] = {}

    async def poll(self, max_records: int, wait: float) -> dict[int, list[Record]]:
        """Records by partition; empty after `wait` seconds without any."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            self.changed.clear()
            found = await self._take(max_records)
            left = deadline - loop.time()
            if found or left <= 0:
                return found
            try:
                async with asyncio.timeout(left):
                    await self.changed.wait()
            except TimeoutError:
                return {}

    async def end_offsets(self) -> dict[int, int]:
        """For each assigned partition the offset that the next appended record will get."""
        ends = self._ends()
        return {partition: ends[partition] for partition in self.holding.partitions}

    async def __aenter__(self) -> Self:
        self._group.join(self)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self.holding.release()
        finally:
            self._group.leave(self)

    async def _take(self, max_records: int) -> dict[int, list[Record]]:
        if not self.holding.settled():
            await self._group.others_outside(self)
            self._next = await self.holding.settle(self._ends_of) or {}
        ends = self._ends()
        behind = [partition for partition, offset in self._next.items() if offset < ends[partition]]
        found: dict[int, list[Record]] = {}
        left = max_records
        for already, partition in enumerate(behind):
            # An equal share for each, so that a busy partition does not hold up the others.
            share = max(1, left // (len(behind) - already))
            records = await self._read(partition, self._next[partition], share)
            found[partition] = records
            left -= len(records)
            if left <= 0:
                break
        if not self.holding.settled():
            # Dealt anew while reading: what was read is not ours any more.
            return {}
        for partition, records in found.items():
            # Read last, next time it comes after the others.
            del self._next[partition]
            self._next[partition] = records[-1].offset + 1
        return found

    async def _ends_of(self, partitions: frozenset[int]) -> dict[int, int]:
        ends = self._ends()
        return {partition: ends[partition] for partition in partitions}
