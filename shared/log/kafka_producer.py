"""Appending to Kafka: one idempotent producer, every append acknowledged by all in-sync replicas, in bounded time.

An idempotent producer of aiokafka never gives a batch up. So what is not acknowledged in time stays queued and may be stored
later, in its order; until it is settled, nothing more is queued behind it (`kafka_lane`), so that an outage does not fill the
memory. A producer that has met a fatal error (aiokafka issue 1017: OutOfOrderSequenceNumber for ever) is replaced.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.log.contract import MAX_VALUE, Entry, EntryTooLarge, LogUnavailable
from shared.log.kafka_lane import Lane, Offsets
from shared.log.kafka_pace import paced

logger = structlog.get_logger()

# All that one append may take, and how long a producer may take to end; seconds.
APPEND_TIMEOUT = 4.0
STOP_TIMEOUT = 3.0
# A producer whose batches have been stuck for so long is replaced: it may not have noticed that the brokers moved (issue 459).
STUCK_TIMEOUT = 60.0

Lanes = dict[tuple[str, int], Lane]


class Producer:
    """Appends entries to topics; connects when it is first needed."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._lanes: Lanes = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def append(self, topic: str, entries: Sequence[tuple[int, Entry]], replay: bool) -> list[tuple[int, int]]:
        """(partition, offset) of each entry. Raises LogUnavailable, EntryTooLarge."""
        deadline = time.monotonic() + APPEND_TIMEOUT
        producer = self._producer or await self._started(deadline)
        if len(entries) == 1:
            partition, entry = entries[0]
            (offset,) = await self._heard(topic, self._lane(producer, topic, partition).add((entry,), deadline, replay=replay))
            return [(partition, offset)]
        by_partition: dict[int, list[Entry]] = defaultdict(list)
        for partition, entry in entries:
            by_partition[partition].append(entry)
        adding = [
            self._lane(producer, topic, partition).add(some, deadline, replay=replay) for partition, some in by_partition.items()
        ]
        # All are waited for, so that an error in one leaves none unheard.
        await asyncio.gather(*adding, return_exceptions=True)
        offsets = {
            partition: iter(await self._heard(topic, added)) for partition, added in zip(by_partition, adding, strict=True)
        }
        partitions = [partition for partition, _ in entries]
        return list(zip(partitions, map(next, map(offsets.__getitem__, partitions)), strict=True))

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
            raise self._unavailable(repr(error)) from error

    def _lane(self, producer: AIOKafkaProducer, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            # Sequence numbers are used up by what failed: whatever its producer sends next would be out of order.
            lane = self._lanes[topic, partition] = Lane(producer, topic, partition, partial(self._retire, producer))
        elif lane.since is not None and time.monotonic() - lane.since > STUCK_TIMEOUT:
            self._retire(producer)
            raise self._unavailable(f"stuck for {STUCK_TIMEOUT:g} s")
        return lane

    async def _heard(self, topic: str, adding: "asyncio.Future[Offsets]") -> Offsets:
        try:
            return await adding
        except MessageSizeTooLargeError as error:
            raise EntryTooLarge(f"topic {topic}: the broker takes less than {MAX_VALUE} bytes (message.max.bytes)") from error
        except (KafkaError, LogUnavailable) as error:
            raise self._unavailable(str(error) or repr(error)) from error

    def _retire(self, producer: AIOKafkaProducer | None = None, _error: BaseException | None = None) -> None:
        """Let the producer end in the background; the next append makes a new one."""
        retired = self._producer
        if retired is None or (producer is not None and producer is not retired):
            return
        lanes, self._lanes, self._producer = self._lanes, {}, None
        ending = asyncio.create_task(_end(retired, list(lanes.values())))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _unavailable(self, reason: str) -> LogUnavailable:
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


async def _end(producer: AIOKafkaProducer, lanes: Sequence[Lane]) -> None:
    stopping = asyncio.ensure_future(producer.stop())
    _, running = await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
    if not running:
        stopping.exception()
    else:
        # aiokafka waits for ever for what it cannot deliver; only its sender's end lets it go.
        producer._sender.sender_task.cancel()  # noqa: SLF001
        await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
        logger.warning("producer gave up what was not acknowledged", partitions=sum(lane.since is not None for lane in lanes))
    for lane in lanes:
        lane.give_up()
