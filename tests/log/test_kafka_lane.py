"""The way to one partition, with a producer whose broker answers when it is told to."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.log.contract import Entry, LogUnavailable
from shared.log.kafka_lane import Lane, Offsets


class Broker:
    """Takes batches; each is acknowledged by `acknowledge`, or fails by `fail`."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._answers: list[asyncio.Future[Any]] = []
        self._stored = 0

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(100_000, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> "asyncio.Future[Any]":
        assert (topic, partition) == ("events", 3)
        self.sizes.append(batch.record_count())
        self._answers.append(asyncio.get_running_loop().create_future())
        return self._answers[-1]

    def acknowledge(self) -> None:
        self._answers[-1].set_result(SimpleNamespace(offset=self._stored))
        self._stored += self.sizes[-1]

    def fail(self) -> None:
        self._answers[-1].set_exception(KafkaError("broken"))


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def failures() -> list[BaseException]:
    return []


@pytest.fixture
async def lane(broker: Broker, failures: list[BaseException]) -> Lane:
    return Lane(broker, "events", 3, failures.append)


def added(lane: Lane, count: int, within: float = 60.0) -> "asyncio.Future[Offsets]":
    return lane.add([Entry("acme", b"{}") for _ in range(count)], time.monotonic() + within, replay=False)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_added_at_once_goes_as_one_batch_and_each_hears_its_own_offsets(lane: Lane, broker: Broker) -> None:
    first, second, third = added(lane, 1), added(lane, 2), added(lane, 1)
    await turns()
    assert broker.sizes == [4]
    broker.acknowledge()
    assert [list(await each) for each in (first, second, third)] == [[0], [1, 2], [3]]


async def test_what_is_added_while_a_batch_is_under_way_waits_and_goes_together(lane: Lane, broker: Broker) -> None:
    first = added(lane, 1)
    await turns()
    waiting = [added(lane, 1) for _ in range(10)]
    await turns()
    assert broker.sizes == [1]
    broker.acknowledge()
    assert list(await first) == [0]
    await turns()
    assert broker.sizes == [1, 10]
    broker.acknowledge()
    assert [list(await each) for each in waiting] == [[number] for number in range(1, 11)]
    assert lane.since is None


async def test_what_waits_too_long_is_refused_and_never_sent(lane: Lane, broker: Broker) -> None:
    late = added(lane, 1, within=0.05)
    await turns()
    never, patient = added(lane, 1, within=0.1), added(lane, 1)
    for each in (late, never):
        with pytest.raises(LogUnavailable):
            await each
    assert not patient.done()
    broker.acknowledge()
    await turns()
    assert broker.sizes == [1, 1]
    broker.acknowledge()
    assert list(await patient) == [1]


async def test_after_an_error_nothing_more_is_sent(lane: Lane, broker: Broker, failures: list[BaseException]) -> None:
    under_way = added(lane, 1)
    await turns()
    waiting = added(lane, 1)
    broker.fail()
    with pytest.raises(KafkaError):
        await under_way
    with pytest.raises(LogUnavailable, match="not sent"):
        await waiting
    assert [str(error) for error in failures] == ["KafkaError: broken"]
    assert broker.sizes == [1]


async def test_who_goes_away_takes_nothing_with_it(lane: Lane, broker: Broker) -> None:
    gone, there = added(lane, 1), added(lane, 1)
    await turns()
    gone.cancel()
    broker.acknowledge()
    assert list(await there) == [1]


async def test_when_it_is_given_up_all_hear_it(lane: Lane) -> None:
    under_way = added(lane, 1)
    await turns()
    waiting = added(lane, 1)
    lane.give_up()
    for each in (under_way, waiting):
        with pytest.raises(LogUnavailable, match="given up"):
            await each
