"""What both logs promise, as types. `tests/log/test_conformance.py` holds them to it."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from shared.instants import Instant

# The largest value that a log takes, in bytes; with its key and headers it is below Kafka's own default limit of 1 MiB.
MAX_VALUE = 900_000

# Given the partitions just assigned, says from which offset to read each: the offsets live in the database, with the state.
Assigned = Callable[[frozenset[int]], Awaitable[dict[int, int]]]
Revoked = Callable[[frozenset[int]], Awaitable[None]]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record to append. `partition` overrides the key's own.

    `at` counts only in a log opened for replay; without one the record has the time of the record before it in its partition.
    """

    key: str
    value: bytes
    partition: int | None = None
    at: Instant | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as read. `at` is never earlier than the `at` of the record before it in its partition, as the log gives it."""

    partition: int
    offset: int
    at: Instant
    key: str
    value: bytes


class LogUnavailable(Exception):
    """The log did not take or give records in time. Nothing is known to be stored; the caller may try again."""


class LogMisconfigured(Exception):
    """A topic exists but not as we need it (number of partitions, timestamp type). Says what is there and what is needed."""


class LogInUse(LogMisconfigured):
    """The embedded log belongs to one process, and another one has it open."""


class EntryTooLarge(ValueError):
    """The value of an entry is larger than MAX_VALUE; nothing of its append was stored."""


class Subscription(Protocol):
    """A member of a consumer group on one topic.

    `assigned` and `revoked` are awaited from within `poll` (and `revoked` once more at the end), so they never meet the caller at
    work. After a rebalance all partitions held before are revoked and those held now are assigned, also when they are the same.
    A partition may already be with another member when `revoked` is called: what must not be done twice is fenced by the caller.
    But nobody is assigned a partition while the member that had it is still within `assigned`, so the newest owner fences last.
    What the callbacks raise is raised by `poll`, and they are awaited again by the next one.
    """

    async def poll(self, max_records: int, wait: float) -> dict[int, list[Record]]:
        """Records by partition, in order, at most `max_records` in all; empty after about `wait` seconds without any.

        Raises LogUnavailable when the log cannot be read; the next poll tries again from the start.
        Raises LogMisconfigured when `assigned` names an offset that the log does not have: it is not the log of that database.
        """
        ...

    async def end_offsets(self) -> dict[int, int]:
        """For each assigned partition the offset that the next appended record will get."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Log(Protocol):
    """Topics in partitions."""

    replay: bool

    async def create_topics(self) -> None:
        """Make the topics that are missing; idempotent.

        Raises LogMisconfigured when one is there with another number of partitions or another timestamp type.
        """
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has: fixed when it was made."""
        ...

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        """Append durably, in order within each partition; (partition, offset) of each, in the order of `entries`.

        Raises LogUnavailable within 5 s: none, some or all may have been stored, or may yet be.
        Raises EntryTooLarge, and ValueError for a partition that the topic does not have: none was stored.
        """
        ...

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> Subscription:
        """A member of the group, which joins it when it is entered (`async with`)."""
        ...

    async def go_live(self) -> None:
        """End a replay: from now on the log gives the time. No other process may have the log open for replay then."""
        ...

    async def ready(self) -> bool:
        """Whether the log answers now."""
        ...

    async def close(self) -> None:
        """Give everything back. Subscriptions are left before."""
        ...


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 of its UTF-8 bytes, modulo. For both logs, and for ever: state lives by partition."""
    return zlib.crc32(key.encode()) % partitions


def place(topic: str, entries: Sequence[Entry], partitions: int) -> list[tuple[int, Entry]]:
    """Each entry with its partition. Raises EntryTooLarge, ValueError (no such partition)."""
    placed = []
    for entry in entries:
        if len(entry.value) > MAX_VALUE:
            raise EntryTooLarge(f"topic {topic}: an entry of {len(entry.value)} bytes; the log takes {MAX_VALUE}")
        partition = partition_of(entry.key, partitions) if entry.partition is None else entry.partition
        if not 0 <= partition < partitions:
            raise ValueError(f"topic {topic} has no partition {partition}: it has {partitions}")
        placed.append((partition, entry))
    return placed
