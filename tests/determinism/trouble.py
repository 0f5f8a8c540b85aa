"""Trouble at any step: between any two statements, before and after any commit, before and after any append.

A worker's steps are counted; where one is fated, the process ends there (`crash`), or what it asked for is `away`. `lost` waits
for the next commit or append: it does happen, and the answer is lost.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.log.contract import Assigned, Entry, Log, LogUnavailable, Revoked, Subscription
from shared.topics import RUNS


class Crash(BaseException):
    """The process ends here. No `except Exception` survives it."""


class Trouble(NamedTuple):
    """What comes so many steps after the trouble before."""

    steps: int
    kind: str  # crash | away | lost


class Fate:
    """The troubles to come."""

    def __init__(self, troubles: Iterable[Trouble] = ()) -> None:
        self._coming = deque(troubles)
        self._taken = 0

    def database_step(self, done: bool = False) -> None:
        """`done`: it has just been committed."""
        if self._comes(done):
            raise OperationalError("", None, Exception("away in this test"))

    def log_step(self, done: bool = False) -> None:
        """`done`: it has just been appended."""
        if self._comes(done):
            raise LogUnavailable("away in this test")

    def _comes(self, done: bool) -> bool:
        self._taken += 1
        if not self._coming or self._taken < self._coming[0].steps or (self._coming[0].kind == "lost" and not done):
            return False
        self._taken = 0
        if self._coming.popleft().kind == "crash":
            raise Crash
        return True

    def rules(self, database: AsyncEngine) -> None:
        """From now on every statement and every commit of this database is a step."""
        dialect: Any = database.sync_engine.dialect
        commit = dialect.do_commit

        def statement(*_: Any) -> None:
            self.database_step()

        def do_commit(connection: Any) -> None:
            self.database_step()
            commit(connection)
            self.database_step(done=True)

        event.listen(database.sync_engine, "before_cursor_execute", statement)
        dialect.do_commit = do_commit


class FatedLog:
    """A log whose appends are steps. It remembers the runs that it took."""

    def __init__(self, log: Log, fate: Fate) -> None:
        self._log = log
        self._fate = fate
        self.replay = log.replay
        self.runs: list[bytes] = []

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        self._fate.log_step()
        places = await self._log.append(topic, entries)
        if topic == RUNS:
            self.runs += [entry.value for entry in entries]
        self._fate.log_step(done=True)
        return places

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> Subscription:
        return self._log.subscribe(topic, group, assigned, revoked)

    async def partitions(self, topic: str) -> int:
        return await self._log.partitions(topic)

    async def create_topics(self) -> None:
        await self._log.create_topics()

    async def ready(self) -> bool:
        return await self._log.ready()

    async def go_live(self) -> None:
        await self._log.go_live()

    async def close(self) -> None:
        await self._log.close()
