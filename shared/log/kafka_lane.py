"""What goes to one partition of Kafka: a batch under way, and behind it what waits and then goes together.

Many small appends so become few batches, without anybody waiting for others to come: while nothing is under way, an append goes
out at the next turn of the loop. In an outage what waits is refused when its time is up, and is then never sent; what is under
way may be stored later.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.log.contract import Entry, LogUnavailable

# The header that carries a replay's time in microseconds: Kafka's own has milliseconds.
AT_HEADER = "at"

_NO_HEADERS: list[tuple[str, bytes]] = []

Offsets = Sequence[int]


class _Append:
    """Entries that were given together, until when they may take, and where they came to be."""

    __slots__ = ("deadline", "entries", "offsets")

    def __init__(self, entries: Sequence[Entry], deadline: float, offsets: "asyncio.Future[Offsets]") -> None:
        self.entries = entries
        self.deadline = deadline
        self.offsets = offsets


class Lane:
    """The way to one partition, for one producer. `failed` hears of an error, after which the producer is of no use."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int, failed: Callable[[BaseException], None]) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Append] = deque()
        self._under_way: Sequence[_Append] = ()
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._replay = False
        # Since when the batch under way has been so, on time.monotonic.
        self.since: float | None = None

    def add(self, entries: Sequence[Entry], deadline: float, *, replay: bool) -> "asyncio.Future[Offsets]":
        """Send these after what is there. The future has the offset of each, or LogUnavailable at the deadline."""
        append = _Append(entries, deadline, self._loop.create_future())
        self._waiting.append(append)
        self._replay = replay
        if self._sending is None:
            self._sending = self._loop.create_task(self._send())
        if self._timer is None:
            self._wait_for(append)
        return append.offsets

    def give_up(self) -> None:
        """Send nothing more; who waits hears it."""
        if self._sending is not None:
            self._sending.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._refuse_all(LogUnavailable("given up at the end of the producer"))

    async def _send(self) -> None:
        try:
            while self._waiting:
                self._under_way, self._waiting = tuple(self._waiting), deque()
                self.since = time.monotonic()
                entries = [entry for append in self._under_way for entry in append.entries]
                self._share_out(await _send_batches(self._producer, self._topic, self._partition, entries, self._replay))
        except KafkaError as error:
            self._refuse_all(error)
            self._failed(error)
        finally:
            self._sending, self.since = None, None

    def _share_out(self, offsets: list[int]) -> None:
        first = 0
        for append in self._under_way:
            after = first + len(append.entries)
            if not append.offsets.done():
                append.offsets.set_result(offsets[first:after])
            first = after
        self._under_way = ()

    def _refuse_all(self, error: Exception) -> None:
        """Those under way hear the error, those behind them that they were not sent."""
        under_way, waiting, self._under_way, self._waiting = self._under_way, self._waiting, (), deque()
        self._finish(under_way, error)
        self._finish(waiting, LogUnavailable(f"not sent after {error!r}"))

    def _finish(self, appends: Iterable[_Append], error: Exception) -> None:
        for append in appends:
            # Who was told already, or went away, is not told again.
            if not append.offsets.done():
                append.offsets.set_exception(error)

    def _wait_for(self, append: _Append) -> None:
        self._timer = self._loop.call_later(max(0.0, append.deadline - time.monotonic()), self._expire)

    def _expire(self) -> None:
        """Refuse those whose time is up, the eldest first; look again when the next one's is."""
        self._timer = None
        late = LogUnavailable("not acknowledged in time")
        now = time.monotonic()
        self._finish([append for append in self._under_way if append.deadline <= now], late)
        while self._waiting and self._waiting[0].deadline <= now:
            self._finish([self._waiting.popleft()], late)
        left = [append for append in self._under_way if not append.offsets.done()] or list(self._waiting)[:1]
        if left:
            self._wait_for(min(left, key=lambda append: append.deadline))


async def _send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, entries: Sequence[Entry], replay: bool
) -> list[int]:
    """The offset of each entry, once all are acknowledged. Raises KafkaError."""
    batches = []
    left: Sequence[Entry] = entries
    while left:
        batch = _fill(producer.create_batch(), left, replay)
        left = left[batch.record_count() :]
        batches.append((await producer.send_batch(batch, topic, partition=partition), batch.record_count()))
    if len(batches) == 1:
        return _offsets(await batches[0][0], batches[0][1])
    # All are waited for, so that an error in one leaves none unheard.
    answers = await asyncio.gather(*(acknowledged for acknowledged, _ in batches), return_exceptions=True)
    offsets: list[int] = []
    for answer, (_, count) in zip(answers, batches, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        offsets.extend(_offsets(answer, count))
    return offsets


def _fill(batch: Any, entries: Iterable[Entry], replay: bool) -> Any:
    """Fill a batch as far as it goes; one entry always goes in."""
    append, timestamp, headers = batch.append, None, _NO_HEADERS
    for entry in entries:
        if replay:
            timestamp = (entry.at or 0) // 1000
            headers = [(AT_HEADER, str(entry.at).encode())] if entry.at is not None else _NO_HEADERS
        if append(key=entry.key.encode(), value=entry.value, timestamp=timestamp, headers=headers) is None:
            break
    batch.close()
    return batch


def _offsets(answer: Any, count: int) -> list[int]:
    # After a repeated send the broker may only say that it has the batch, not where.
    if answer.offset < 0:
        raise KafkaError("stored, but the broker does not know where any more")
    return list(range(answer.offset, answer.offset + count))
