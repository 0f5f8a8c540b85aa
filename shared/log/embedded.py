"""The embedded log: topics in one SQLite file, for one process.

Appends that wait together are written in one transaction, and readers are woken at once. Offsets and times are given in memory,
which is safe because the file has one owner; they count only after the commit.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar, TypeVarTuple

from shared.clock import Clock
from shared.instants import Instant
from shared.log.contract import Assigned, Entry, LogMisconfigured, LogUnavailable, Record, Revoked, place
from shared.log.embedded_file import End, LogFile, Row, Topic
from shared.log.embedded_subscription import EmbeddedSubscription, Group
from shared.log.holding import Holding

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
Place = tuple[int, int]
Ends = dict[tuple[str, int], End]


class _Append(NamedTuple):
    """One call of `append`, waiting for its transaction."""

    topic: str
    entries: list[tuple[int, Entry]]
    done: asyncio.Future[list[Place]]


class EmbeddedLog:
    """Topics in `log.db` of a folder. Raises LogInUse when another process has it open."""

    def __init__(self, folder: Path, clock: Clock, topics: Sequence[str], partitions: int, replay: bool) -> None:
        self.replay = replay
        self._clock = clock
        self._names = tuple(topics)
        self._wanted = Topic(partitions, replay)
        self._file = LogFile(folder)
        self._writer = ThreadPoolExecutor(1, "log-writer")
        self._reader = ThreadPoolExecutor(1, "log-reader")
        self._topics: dict[str, Topic] = {}
        self._ends: Ends = {}
        self._waiting: list[_Append] = []
        self._writing: asyncio.Task[None] | None = None
        self._groups: dict[tuple[str, str], Group] = {}
        self._closed = False

    async def create_topics(self) -> None:
        """Make the topics that are missing; LogMisconfigured if one is there in another form."""
        there = await self._call(self._writer, self._file.topics)
        for name in self._names:
            if name not in there:
                await self._call(self._writer, self._file.add_topic, name, self._wanted)
            _refuse_another_form(name, there.get(name, self._wanted), self._wanted)
            for partition in range(self._wanted.partitions):
                end = await self._call(self._writer, self._file.end, name, partition)
                self._ends[name, partition] = end
            self._topics[name] = self._wanted

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._count(topic)

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[Place]:
        """Write the entries with all others that wait; returns after the commit."""
        if self._closed:
            raise LogUnavailable("the embedded log is closed")
        placed = place(topic, entries, self._count(topic))
        if not placed:
            return []
        done: asyncio.Future[list[Place]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Append(topic, placed, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        return await done

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> EmbeddedSubscription:
        """A member of the group, which joins it when it is entered."""
        count = self._count(topic)
        members = self._groups.setdefault((topic, group), Group(count))

        async def read(partition: int, offset: int, limit: int) -> list[Record]:
            return await self._call(self._reader, self._file.read, topic, partition, offset, limit)

        def ends() -> dict[int, int]:
            return {partition: self._ends[topic, partition].offset for partition in range(count)}

        return EmbeddedSubscription(Holding(topic, assigned, revoked), members, read, ends)

    async def go_live(self) -> None:
        """End a replay: what is appended from now on has the clock's time."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        await self._call(self._writer, self._file.end_replay)
        self.replay = False

    async def ready(self) -> bool:
        """Whether the file answers now."""
        if self._closed:
            return False
        try:
            await self._call(self._reader, self._file.read, "", 0, 0, 1)
        except LogUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Write what waits, then close the file and give it free."""
        if self._closed:
            return
        self._closed = True
        if self._writing is not None:
            await asyncio.wait({self._writing})
        self._writer.shutdown()
        self._reader.shutdown()
        self._file.close()

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            rows, places, ends = _lay_out(batch, self._ends, None if self.replay else self._clock())
            try:
                await self._call(self._writer, self._file.append, rows)
            except LogUnavailable as error:
                for append in batch:
                    _finish(append.done, error)
                continue
            self._ends.update(ends)
            for append, found in zip(batch, places, strict=True):
                _finish(append.done, found)
            self._wake({append.topic for append in batch})
        self._writing = None

    def _wake(self, topics: set[str]) -> None:
        for (topic, _), group in self._groups.items():
            if topic in topics:
                group.wake()

    def _count(self, topic: str) -> int:
        known = self._topics.get(topic)
        if known is None:
            raise LogMisconfigured(f"there is no topic {topic}: known are {', '.join(self._topics) or 'none'}")
        return known.partitions

    async def _call(self, thread: ThreadPoolExecutor, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)
        except sqlite3.Error as error:
            raise LogUnavailable(f"the embedded log: {error}") from error


def _lay_out(batch: Sequence[_Append], ends: Ends, now: Instant | None) -> tuple[list[Row], list[list[Place]], Ends]:
    """The rows to write, where each append's entries are, and the new ends. `now` is None in a replay."""
    rows: list[Row] = []
    places: list[list[Place]] = []
    moved: Ends = {}
    for append in batch:
        found: list[Place] = []
        for partition, entry in append.entries:
            where = (append.topic, partition)
            offset, last = moved.get(where) or ends[where]
            at = max(last, now if now is not None else entry.at or 0)
            rows.append(Row(append.topic, partition, offset, at, entry.key, bytes(entry.value)))
            moved[where] = End(offset + 1, at)
            found.append((partition, offset))
        places.append(found)
    return rows, places, moved


def _finish(done: asyncio.Future[list[Place]], result: list[Place] | LogUnavailable) -> None:
    # A caller that was cancelled does not wait any more; its entries are stored all the same.
    if done.done():
        return
    if isinstance(result, LogUnavailable):
        done.set_exception(result)
    else:
        done.set_result(result)


def _refuse_another_form(name: str, there: Topic, wanted: Topic) -> None:
    if there.partitions != wanted.partitions:
        raise LogMisconfigured(
            f"topic {name} was made with {there.partitions} partitions, and {wanted.partitions} are asked for"
            " (SUCCESSPLAYS_PARTITIONS): the number is fixed"
        )
    if there.replay != wanted.replay:
        raise LogMisconfigured(
            f"topic {name} takes its times from {'the writer' if there.replay else 'the log'},"
            f" and was to be opened {'for replay' if wanted.replay else 'live'} (SUCCESSPLAYS_REPLAY)"
        )
