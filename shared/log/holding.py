"""What a member of a consumer group holds, and the callbacks around it: the same for both logs.

A log tells a `Holding` of rebalances whenever they happen (`took_back`, `gave`); the member's own `poll` brings it into line
(`settle`), so that callbacks never run beside the caller's work.

`assigned` fences whoever held the partition before. Were it to end after the next owner's, it would fence that one, and nobody
would work on the partition any more. So a partition is given to another only when its giver is not within `assigned` (`outside`).
"""

import asyncio
from collections.abc import Awaitable, Callable

from shared.log.contract import Assigned, LogMisconfigured, Revoked

EndOffsets = Callable[[frozenset[int]], Awaitable[dict[int, int]]]


class Holding:
    """The partitions of one member. `partitions` are those it may read now; none while the group is rebalancing."""

    def __init__(self, topic: str, assigned: Assigned, revoked: Revoked) -> None:
        self._topic = topic
        self._assigned = assigned
        self._revoked = revoked
        self._given: frozenset[int] | None = None
        self._held: frozenset[int] = frozenset()
        # Every rebalance begins a generation; the caller has seen the one that is settled.
        self._generation = 0
        self._settled: int | None = None
        self._outside = asyncio.Event()
        self._outside.set()

    def gave(self, partitions: frozenset[int]) -> None:
        """The group has given the member these partitions."""
        self._given = partitions
        self._generation += 1

    def took_back(self) -> None:
        """The group is dealing its partitions anew."""
        self._given = None
        self._generation += 1

    def settled(self) -> bool:
        """Whether the caller has heard of the latest rebalance, and it is over."""
        return self._settled == self._generation

    @property
    def partitions(self) -> frozenset[int]:
        """What may be read now."""
        return self._held if self.settled() else frozenset()

    async def settle(self, end_offsets: EndOffsets) -> dict[int, int] | None:
        """Await the callbacks; the offsets to read from, or None while the group is rebalancing.

        Raises what the callbacks raise, and LogMisconfigured for an offset past the end of its partition.
        """
        await self.release()
        given, generation = self._given, self._generation
        if given is None:
            return None
        offsets: dict[int, int] = {}
        if given:
            named = await self._take(given)
            offsets = {partition: named[partition] for partition in given}
            self._check(offsets, await end_offsets(given))
        if generation != self._generation:
            return None
        self._settled = generation
        return offsets

    async def release(self) -> None:
        """Await `revoked` for what is held."""
        if self._held:
            await self._revoked(self._held)
        self._held = frozenset()
        self._settled = None

    async def outside(self) -> None:
        """Wait until the member is not within `assigned`."""
        await self._outside.wait()

    async def _take(self, given: frozenset[int]) -> dict[int, int]:
        self._outside.clear()
        try:
            named = await self._assigned(given)
        finally:
            self._outside.set()
        self._held = given
        return named

    def _check(self, offsets: dict[int, int], ends: dict[int, int]) -> None:
        for partition, offset in offsets.items():
            if offset > ends[partition]:
                raise LogMisconfigured(
                    f"topic {self._topic}, partition {partition}: to be read from {offset} on, but it ends at {ends[partition]};"
                    " this is not the log that the database belongs to, or the log has lost records"
                )
