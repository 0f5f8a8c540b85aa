"""Access tokens that tools grant for a while: kept in memory only, renewed when they end or are refused."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.instants import Instant


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, where it is to be used (when the tool says so), and until when it holds."""

    token: str
    base_url: str | None
    until: Instant


class Tokens:
    """The tokens of one process, by destination."""

    def __init__(self) -> None:
        self._granted: dict[str, Granted] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def granted(self, destination: str, now: Instant, ask: Callable[[], Awaitable[Granted]]) -> Granted:
        """The token that holds now; else one is asked for, once for all who need it. Raises what `ask` raises."""
        async with self._asking[destination]:
            found = self._granted.get(destination)
            if found is None or found.until <= now:
                found = await ask()
                self._granted[destination] = found
            return found

    def forget(self, destination: str, refused: Granted) -> None:
        """The tool refuses this token, whatever it said before. A newer one stays."""
        if self._granted.get(destination) is refused:
            del self._granted[destination]
