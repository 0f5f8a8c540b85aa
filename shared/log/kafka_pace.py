"""A pace for aiokafka's search for brokers."""

import asyncio
from collections.abc import Awaitable, Callable

# Between two failed looks for brokers; seconds.
METADATA_PAUSE = 0.2


def paced(update: Callable[[], Awaitable[bool]]) -> Callable[[], asyncio.Future[bool]]:
    """A pause after each update of aiokafka's metadata that failed.

    A broker that shuts down in order says that nobody leads its partitions; aiokafka then asks for a leader in a loop without a
    pause, and while connections are refused at once that loop takes a whole core.
    """
    running: asyncio.Future[bool] | None = None

    async def pause_after(updating: Awaitable[bool]) -> bool:
        updated = await updating
        if not updated:
            await asyncio.sleep(METADATA_PAUSE)
        return updated

    def update_or_join() -> asyncio.Future[bool]:
        nonlocal running
        if running is None or running.done():
            running = asyncio.ensure_future(pause_after(update()))
        return asyncio.shield(running)

    return update_or_join
