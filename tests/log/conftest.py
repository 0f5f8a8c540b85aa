"""Logs opened as often as a test likes, and closed at its end."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.clock import Clock, wall_clock
from shared.log import open_log
from shared.log.contract import Log
from shared.settings import Settings

OpenLog = Callable[..., Awaitable[Log]]


@pytest.fixture
async def open_again(log_settings: Settings) -> AsyncIterator[OpenLog]:
    """`await open_again(replay=True)` opens this test's log, on each kind in turn; `clock` is the embedded log's."""
    opened: list[Log] = []

    async def open_one(clock: Clock = wall_clock, **changes: object) -> Log:
        log = await open_log(log_settings.model_copy(update=changes), clock)
        opened.append(log)
        return log

    yield open_one
    for log in opened:
        await log.close()
