"""Reading from Kafka: a member of a consumer group that seeks to where the database says.

aiokafka's rebalance listener only takes notes here; `poll` brings the holding into line (see `shared.log.holding`), so the
listener does not wait for the caller's work. Offsets are never committed to Kafka.

What aiokafka does not notice by itself (its issues 456, 1154, 1187) a watch does: when nothing was read for a while although
records are there, or the group does not come to rest, `poll` raises LogUnavailable and the next one joins anew.
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError

from shared.instants import Instant
from shared.log.contract import LogUnavailable, Record
from shared.log.holding import Holding
from shared.log.kafka_lane import AT_HEADER
from shared.log.kafka_pace import paced

logger = structlog.get_logger()

# Seconds: how long a request may take, how long nothing may come before it is asked whether there is something,
# how long the brokers may be away before the member joins anew, and how long it may take to leave.
REQUEST_TIMEOUT = 5.0
QUIET = 5.0
AWAY = 60.0
LEAVE_TIMEOUT = 10.0

_CREATE_TIME = 0


class KafkaSubscription:
    """A member of a group; see `shared.log.contract.Subscription`. `session_timeout` is in seconds."""

    def __init__(self, connection: dict[str, Any], *, topic: str, group: str, holding: Holding, session_timeout: float) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._holding = holding
        self._session_timeout = session_timeout
        self._consumer: AIOKafkaConsumer | None = None
        self._listener: _Listener | None = None
        self._dealt = asyncio.Event()
        self._next: dict[int, int] = {}
        self._latest: dict[int, Instant] = {}
        # When the log last gave a sign of life, when it was last asked for one, and what was unread then.
        self._heard = self._asked = 0.0
        self._unread: dict[int, int] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._joined()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self._holding.release()
        finally:
            await self._leave()

    async def poll(self, max_records: int, wait: float) -> dict[int, list[Record]]:
        """Records by partition; empty after about `wait` seconds without any."""
        consumer = await self._joined()
        if not self._holding.settled():
            await self._settle(consumer)
        if not self._holding.settled():
            return await self._wait_for_the_group(wait)
        messages = await self._fetch(consumer, max_records, wait)
        if not self._holding.settled():
            # Dealt anew while waiting: this may be of a partition that nobody has sought yet.
            return {}
        if not messages:
            await self._watch()
            return {}
        self._heard = self._asked = time.monotonic()
        self._unread = {}
        return {where.partition: self._records(where.partition, some) for where, some in messages.items()}

    async def end_offsets(self) -> dict[int, int]:
        """For each assigned partition the offset that the next appended record will get."""
        return await self._end_offsets(self._holding.partitions)

    async def _joined(self) -> AIOKafkaConsumer:
        if self._consumer is not None:
            return self._consumer
        consumer = AIOKafkaConsumer(
            **self._connection,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=int(self._session_timeout * 1000),
            heartbeat_interval_ms=int(min(1.0, self._session_timeout / 6) * 1000),
            rebalance_timeout_ms=int(min(30.0, self._session_timeout) * 1000),
            max_partition_fetch_bytes=4 << 20,
            retry_backoff_ms=100,
        )
        client = consumer._client  # noqa: SLF001  # it gives no other way to its search for brokers
        client.force_metadata_update = paced(client.force_metadata_update)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            await consumer.stop()
            raise self._unavailable(error) from error
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        self._heard = self._asked = time.monotonic()
        # Only now, so that the start does not wait for the group.
        self._listener = _Listener(self._holding, consumer, self._dealt)
        consumer.subscribe([self._topic], listener=self._listener)
        return consumer

    async def _settle(self, consumer: AIOKafkaConsumer) -> None:
        offsets = await self._holding.settle(self._end_offsets)
        if offsets is None:
            return
        self._next = offsets
        self._latest = dict.fromkeys(offsets, 0)
        self._heard = self._asked = time.monotonic()
        for partition, offset in offsets.items():
            consumer.seek(TopicPartition(self._topic, partition), offset)
            consumer.resume(TopicPartition(self._topic, partition))

    async def _wait_for_the_group(self, wait: float) -> dict[int, list[Record]]:
        if time.monotonic() - self._heard > 2 * self._session_timeout + AWAY:
            await self._leave()
            raise self._unavailable("the consumer group does not come to rest")
        self._dealt.clear()
        try:
            async with asyncio.timeout(wait):
                await self._dealt.wait()
        except TimeoutError:
            return {}
        return {}

    async def _fetch(self, consumer: AIOKafkaConsumer, max_records: int, wait: float) -> dict[TopicPartition, Sequence[Any]]:
        try:
            # getmany waits for a rebalance without a limit of its own.
            async with asyncio.timeout(wait + REQUEST_TIMEOUT):
                found: dict[TopicPartition, Sequence[Any]] = await consumer.getmany(
                    timeout_ms=int(wait * 1000), max_records=max_records
                )
        except TimeoutError:
            return {}
        except NoOffsetForPartitionError:
            # Dealt anew while waiting, and nobody has sought yet.
            return {}
        except KafkaError as error:
            # Nothing of this consumer can be relied on: a fatal error would be raised at every call, without a pause.
            await self._leave()
            raise self._unavailable(error) from error
        return found

    async def _watch(self) -> None:
        """Ask for a sign of life when nothing has come for a while."""
        now = time.monotonic()
        if now - self._asked < QUIET or not self._holding.settled():
            return
        self._asked = now
        try:
            ends = await self.end_offsets()
        except LogUnavailable:
            if now - self._heard > AWAY:
                await self._leave()
            raise
        unread = {partition: self._next[partition] for partition, end in ends.items() if end > self._next[partition]}
        stuck = any(self._unread.get(partition) == offset for partition, offset in unread.items())
        self._heard, self._unread = now, unread
        if stuck:
            await self._leave()
            raise self._unavailable("records are there, and none of them comes")

    async def _end_offsets(self, partitions: frozenset[int]) -> dict[int, int]:
        if not partitions:
            return {}
        consumer = await self._joined()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                ends = await consumer.end_offsets([TopicPartition(self._topic, partition) for partition in partitions])
        except (KafkaError, TimeoutError) as error:
            raise self._unavailable(error) from error
        return {where.partition: end for where, end in ends.items()}

    def _records(self, partition: int, messages: Sequence[Any]) -> list[Record]:
        latest = self._latest[partition]
        records: list[Record] = []
        for message in messages:
            latest = max(latest, _time_of(message))
            key = message.key.decode(errors="replace") if message.key else ""
            records.append(Record(partition, message.offset, latest, key, message.value or b""))
        self._latest[partition] = latest
        self._next[partition] = records[-1].offset + 1
        return records

    async def _leave(self) -> None:
        """Leave the group; what takes longer than 10 s goes on in the background."""
        consumer, self._consumer = self._consumer, None
        self._holding.took_back()
        if consumer is None or self._listener is None:
            return
        self._listener.listening = False
        leaving = asyncio.create_task(consumer.stop())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.wait({leaving}, timeout=LEAVE_TIMEOUT)

    def _unavailable(self, error: BaseException | str) -> LogUnavailable:
        reason = error if isinstance(error, str) else repr(error)
        return LogUnavailable(f"Kafka at {self._connection['bootstrap_servers']}, topic {self._topic}: {reason}")


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Takes notes of rebalances. It waits only for an `assigned` that has begun: no other member gets the partitions before."""

    def __init__(self, holding: Holding, consumer: AIOKafkaConsumer, dealt: asyncio.Event) -> None:
        self._holding = holding
        self._consumer = consumer
        self._dealt = dealt
        # A consumer that is being left may still hear of rebalances.
        self.listening = True

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """The group is being dealt anew."""
        if not self.listening:
            return
        logger.info("partitions revoked", partitions=sorted(where.partition for where in revoked))
        self._holding.took_back()
        await self._holding.outside()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """These are ours. Nothing is fetched before the caller has said from where."""
        if not self.listening:
            return
        logger.info("partitions assigned", partitions=sorted(where.partition for where in assigned))
        self._consumer.pause(*assigned)
        self._holding.gave(frozenset(where.partition for where in assigned))
        self._dealt.set()


def _time_of(message: Any) -> Instant:
    """The time that the log gave the record, or in a replay the writer: to the microsecond if it is in a header."""
    if message.timestamp_type == _CREATE_TIME:
        for name, value in message.headers:
            if name == AT_HEADER:
                return int(value)
    return int(message.timestamp) * 1000
