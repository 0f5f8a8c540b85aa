"""The search for brokers does not spin, and nobody waits who need not."""

import asyncio
import time

from shared.log.kafka_pace import METADATA_PAUSE, paced


class Search:
    """A search for brokers that finds what it is told, and counts."""

    def __init__(self, *, found: bool) -> None:
        self.found = found
        self.times = 0

    async def __call__(self) -> bool:
        self.times += 1
        return self.found


async def asked_for(seconds: float, search: Search) -> int:
    """How often it was searched when it is asked for in a loop without a pause."""
    update = paced(search)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert await update() is search.found
    return search.times


async def test_a_search_that_fails_is_followed_by_a_pause() -> None:
    assert 2 <= await asked_for(2.5 * METADATA_PAUSE, Search(found=False)) <= 3


async def test_a_search_that_succeeds_is_not() -> None:
    assert await asked_for(0.05, Search(found=True)) > 10


async def test_who_asks_during_a_search_or_a_pause_shares_it() -> None:
    search = Search(found=False)
    update = paced(search)
    assert await asyncio.gather(*(update() for _ in range(100))) == [False] * 100
    assert search.times == 1


async def test_who_gives_up_waiting_stops_nobody_else() -> None:
    search = Search(found=True)
    update = paced(search)
    one, other = update(), update()
    one.cancel()
    assert await other
