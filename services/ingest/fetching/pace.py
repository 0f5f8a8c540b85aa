"""No more requests a second than a vendor's API may be sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Turns at even distances; whoever comes first goes first. `monotonic` tells seconds that never go backwards."""

    def __init__(
        self,
        per_second: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Return when the next request may be sent."""
        now = self._monotonic()
        mine = max(now, self._next)
        self._next = mine + 1 / self.per_second
        if mine > now:
            await self._sleep(mine - now)
