"""A log that is opened while requests come in already: until it answers for the first time, they hear that it is away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from shared.log.contract import Entry, Log, LogUnavailable

RETRY_SECONDS = 2.0

_log = structlog.get_logger(service="ingest")


class OpeningLog:
    """Opens a log by `open_it`, again and again until it succeeds. `replay` is what the log will be opened for."""

    def __init__(self, open_it: Callable[[], Awaitable[Log]], *, replay: bool) -> None:
        self._open = open_it
        self._replay = replay
        self._opened: Log | None = None
        self._is_open = asyncio.Event()

    @property
    def replay(self) -> bool:
        """Whether the log takes its times from the writer."""
        return self._replay if self._opened is None else self._opened.replay

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self._opened is not None

    async def open(self) -> None:
        """Return when the log is open. Raises LogMisconfigured: it never will be."""
        while self._opened is None:
            try:
                self._opened = await self._open()
            except LogUnavailable as error:
                _log.warning("ingest.log_unavailable", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
        self._is_open.set()

    async def opened(self) -> Log:
        """The log itself, when it is open."""
        while self._opened is None:
            await self._is_open.wait()
        return self._opened

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        """As the log. Raises LogUnavailable while it is not open."""
        if self._opened is None:
            raise LogUnavailable("the log has not answered yet")
        return await self._opened.append(topic, entries)

    async def ready(self) -> bool:
        """Whether the log is open and answers."""
        return self._opened is not None and await self._opened.ready()

    async def close(self) -> None:
        """Close the log, if it was opened."""
        if self._opened is not None:
            await self._opened.close()
