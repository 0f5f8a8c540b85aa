"""Logs opened as often as a test likes, and closed at its end."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.clock import Clock, wall_clock
from shared.log import open_log
from shared.log.contract import Log
from shared.settings import Settings

OpenLog = Callable[..., Awaitable[Log]]


@pytest.fixture
async def open_with() -> AsyncIterator[OpenLog]:
    """`await open_with(settings, clock)`; the clock is the embedded log's, and the wall's unless given."""
    opened: list[Log] = []

    async def open_one(settings: Settings, clock: Clock = wall_clock) -> Log:
        log = await open_log(settings, clock)
        opened.append(log)
        return log

    yield open_one
    for log in opened:
        await log.close()


@pytest.fixture
def open_again(log_settings: Settings, open_with: OpenLog) -> OpenLog:
    """`await open_again(replay=True)` opens this test's log, on each kind in turn."""

    async def open_one(**changes: object) -> Log:
        return await open_with(log_settings.model_copy(update=changes))

    return open_one
