"""Appending to Kafka: one idempotent producer, every append acknowledged by all in-sync replicas, in bounded time.

An idempotent producer of aiokafka never gives a batch up. So what is not acknowledged in time stays queued and may be stored
later, in its order; until it is settled, nothing more is queued behind it, so that an outage does not fill the memory.
A producer that has met a fatal error (aiokafka issue 1017: OutOfOrderSequenceNumber for ever) is replaced.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.log.contract import MAX_VALUE, Entry, EntryTooLarge, LogUnavailable
from shared.log.kafka_pace import paced

logger = structlog.get_logger()

# All that one append may take, and how long a producer may take to end; seconds.
APPEND_TIMEOUT = 4.0
STOP_TIMEOUT = 3.0
# A producer whose batches have been stuck for so long is replaced: it may not have noticed that the brokers moved (issue 459).
STUCK_TIMEOUT = 60.0
# The header that carries a replay's time in microseconds: Kafka's own has milliseconds.
AT_HEADER = "at"

Acknowledged = asyncio.Future[Any]


class Producer:
    """Appends entries to topics; connects when it is first needed."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        # What was not acknowledged in time, by topic and partition, and since when.
        self._late: dict[tuple[str, int], set[Acknowledged]] = defaultdict(set)
        self._stuck_since: float | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def append(self, topic: str, entries: Sequence[tuple[int, Entry]], replay: bool) -> list[tuple[int, int]]:
        """(partition, offset) of each entry. Raises LogUnavailable, EntryTooLarge."""
        deadline = time.monotonic() + APPEND_TIMEOUT
        by_partition: dict[int, list[Entry]] = defaultdict(list)
        for partition, entry in entries:
            by_partition[partition].append(entry)
        await self._wait_for_late(topic, by_partition, deadline)
        producer = await self._started(deadline)
        sendings = [
            asyncio.ensure_future(_send(producer, topic, partition, some, replay)) for partition, some in by_partition.items()
        ]
        await self._settle(producer, topic, list(zip(by_partition, sendings, strict=True)), deadline)
        offsets = {partition: iter(sending.result()) for partition, sending in zip(by_partition, sendings, strict=True)}
        return [(partition, next(offsets[partition])) for partition, _ in entries]

    async def answers(self) -> bool:
        """Whether a broker answers a request for metadata."""
        producer = await self._started(time.monotonic() + APPEND_TIMEOUT)
        # The first look may have begun, and failed, before we were asked.
        return bool(await producer.client.force_metadata_update()) or bool(await producer.client.force_metadata_update())

    async def close(self) -> None:
        """End the producer; what is still queued after 3 s is given up."""
        self._retire()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _started(self, deadline: float) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())), self._starting:
                if self._producer is None:
                    self._producer = await _start(self._connection)
                return self._producer
        except (KafkaError, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def _settle(
        self, producer: AIOKafkaProducer, topic: str, sendings: Sequence[tuple[int, Acknowledged]], deadline: float
    ) -> None:
        """Wait until all are acknowledged. Raises LogUnavailable, EntryTooLarge."""
        _, late = await asyncio.wait([sending for _, sending in sendings], timeout=max(0.0, deadline - time.monotonic()))
        for partition, sending in sendings:
            if sending in late:
                self._remember((topic, partition), sending)
        errors = [error for _, sending in sendings if sending not in late and (error := sending.exception()) is not None]
        if errors:
            # Sequence numbers were used up by what failed: whatever this producer sends next would be out of order.
            self._retire(producer)
            if isinstance(errors[0], MessageSizeTooLargeError):
                raise EntryTooLarge(f"topic {topic}: the broker takes less than {MAX_VALUE} bytes (message.max.bytes)")
            raise self._unavailable(errors[0]) from errors[0]
        if late:
            raise self._unavailable(None)

    def _remember(self, where: tuple[str, int], sending: Acknowledged) -> None:
        self._late[where].add(sending)
        self._stuck_since = self._stuck_since or time.monotonic()

        def settled(done: Acknowledged) -> None:
            self._late[where].discard(done)
            if not any(self._late.values()):
                self._stuck_since = None
            if not done.cancelled():
                done.exception()  # it was reported as late already

        sending.add_done_callback(settled)

    async def _wait_for_late(self, topic: str, partitions: Iterable[int], deadline: float) -> None:
        late = {sending for partition in partitions for sending in self._late.get((topic, partition), ())}
        if not late:
            return
        _, still = await asyncio.wait(late, timeout=max(0.0, deadline - time.monotonic()))
        if not still:
            return
        if self._stuck_since is not None and time.monotonic() - self._stuck_since > STUCK_TIMEOUT:
            self._retire()
        raise self._unavailable(None)

    def _retire(self, producer: AIOKafkaProducer | None = None) -> None:
        """Let the producer end in the background; the next append makes a new one."""
        retired = self._producer
        if retired is None or (producer is not None and producer is not retired):
            return
        self._producer = None
        ending = asyncio.create_task(_end(retired, [sending for late in self._late.values() for sending in late]))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _unavailable(self, error: BaseException | None) -> LogUnavailable:
        reason = repr(error) if error else f"not acknowledged within {APPEND_TIMEOUT:g} s"
        return LogUnavailable(f"Kafka at {self._connection['bootstrap_servers']}: {reason}")


async def _start(connection: dict[str, Any]) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        **connection,
        acks="all",
        enable_idempotence=True,
        max_batch_size=MAX_VALUE,
        max_request_size=2 * MAX_VALUE,
        request_timeout_ms=10_000,
        retry_backoff_ms=100,
    )
    producer.client.force_metadata_update = paced(producer.client.force_metadata_update)
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, entries: Sequence[Entry], replay: bool) -> list[int]:
    """The offset of each entry, once all are acknowledged. Several entries go as batches of their own."""
    if len(entries) == 1:
        return [await _send_one(producer, topic, partition, entries[0], replay)]
    batches = []
    left = list(entries)
    while left:
        batch = _fill(producer.create_batch(), left, replay)
        left = left[batch.record_count() :]
        batches.append((await producer.send_batch(batch, topic, partition=partition), batch.record_count()))
    # All are waited for, so that an error in one leaves none unheard.
    answers = await asyncio.gather(*(acknowledged for acknowledged, _ in batches), return_exceptions=True)
    offsets: list[int] = []
    for answer, (_, count) in zip(answers, batches, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        first = _known(answer.offset)
        offsets.extend(range(first, first + count))
    return offsets


async def _send_one(producer: AIOKafkaProducer, topic: str, partition: int, entry: Entry, replay: bool) -> int:
    """Send one entry, with others of the same partition that are sent at the same moment."""
    acknowledged = await producer.send(
        topic,
        entry.value,
        entry.key.encode(),
        partition=partition,
        timestamp_ms=_milliseconds(entry, replay),
        headers=_headers(entry, replay),
    )
    return _known((await acknowledged).offset)


def _fill(batch: Any, entries: Iterable[Entry], replay: bool) -> Any:
    """Fill a batch as far as it goes; one entry always goes in."""
    for entry in entries:
        added = batch.append(
            key=entry.key.encode(), value=entry.value, timestamp=_milliseconds(entry, replay), headers=_headers(entry, replay)
        )
        if added is None:
            break
    batch.close()
    return batch


def _known(offset: int) -> int:
    # After a repeated send the broker may only say that it has the batch, not where.
    if offset < 0:
        raise KafkaError("stored, but the broker does not know where any more")
    return offset


def _milliseconds(entry: Entry, replay: bool) -> int | None:
    return (entry.at or 0) // 1000 if replay else None


def _headers(entry: Entry, replay: bool) -> list[tuple[str, bytes]]:
    return [(AT_HEADER, str(entry.at).encode())] if replay and entry.at is not None else []


async def _end(producer: AIOKafkaProducer, late: Sequence[Acknowledged]) -> None:
    stopping = asyncio.ensure_future(producer.stop())
    _, running = await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
    if not running:
        stopping.exception()
        return
    # aiokafka waits for ever for what it cannot deliver; only its sender's end lets it go.
    sender = producer._sender.sender_task  # noqa: SLF001
    sender.cancel()
    for sending in late:
        sending.cancel()
    await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
    logger.warning("producer gave up what was not acknowledged", count=len(late))
