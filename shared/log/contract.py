"""What both logs promise, as types. `tests/log/test_conformance.py` holds them to it."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from shared.instants import Instant

# Given the partitions just assigned, says from which offset to read each: the offsets live in the database, with the state.
Assigned = Callable[[frozenset[int]], Awaitable[dict[int, int]]]
Revoked = Callable[[frozenset[int]], Awaitable[None]]


class Entry(NamedTuple):
    """One record to append. `partition` overrides the key's own; `at` counts only in a log opened for replay."""

    key: str
    value: bytes
    partition: int | None = None
    at: Instant | None = None


class Record(NamedTuple):
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


class Subscription(Protocol):
    """A member of a consumer group on one topic."""

    async def poll(self, max_records: int, wait: float) -> dict[int, list[Record]]:
        """Records by partition, in order, at most `max_records` in all; empty after `wait` seconds without any.

        Raises LogUnavailable when the log cannot be read.
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
        """Append durably, in order within each partition; (partition, offset) of each.

        Raises LogUnavailable: none, some or all may have been stored.
        """
        ...

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> Subscription:
        """Join the group; `assigned` and `revoked` are awaited around every rebalance."""
        ...

    async def ready(self) -> bool:
        """Whether the log answers now."""
        ...

    async def close(self) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 of its UTF-8 bytes, modulo. The same for both logs, and for ever: state lives by partition."""
    return zlib.crc32(key.encode()) % partitions
