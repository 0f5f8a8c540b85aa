"""What only happens with brokers: they go away, hang, come back, and want to know who is there."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from scripts import kafka as kafka_server
from scripts.kafka import Broker
from shared.clock import wall_clock
from shared.log import open_log
from shared.log.contract import Entry, Log, LogUnavailable
from shared.log.kafka import connection_of
from shared.settings import Settings
from tests.conftest import make_settings
from tests.log.reading import Reader, read_all, until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that may be hurt."""
    with kafka_server.start(tmp_path_factory.mktemp("fragile-kafka")) as broker:
        yield broker


def settings_of(broker: Broker, prefix: str) -> Settings:
    return make_settings(kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, session_timeout=6)


def entries(*values: bytes) -> list[Entry]:
    return [Entry("acme", value, partition=0) for value in values]


async def refused(log: Log, value: bytes) -> float:
    """How many seconds it took until the append was refused."""
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="Kafka at "):
        await log.append("events", entries(value))
    return time.monotonic() - began


async def not_opened(settings: Settings) -> float:
    """How many seconds it took until the log did not open."""
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="does not answer"):
        await open_log(settings, wall_clock)
    return time.monotonic() - began


async def cannot_read(reader: Reader) -> float:
    """How many seconds it took until a poll said that the log cannot be read."""
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        await until(lambda: False, reader)
    return time.monotonic() - began


async def test_a_broker_that_is_away_is_told_within_five_seconds_and_all_goes_on_when_it_is_back(broker: Broker) -> None:
    log = await open_log(settings_of(broker, "away."), wall_clock)
    closing = await open_log(settings_of(broker, "closes."), wall_clock)
    async with Reader(log) as reader:
        await log.append("events", entries(b"before"))
        await reader.until(1)
        async with Reader(closing) as leaving:
            await closing.append("events", entries(b"before"))
            await leaving.until(1)
            broker.kill()
            took = await asyncio.gather(refused(closing, b"given up"), *(refused(log, b"lost or late") for _ in range(3)))
            assert max(took) < 5
            began = time.monotonic()
        await closing.close()
        assert time.monotonic() - began < 10
        assert await refused(log, b"never queued") < 5
        assert not await log.ready()
        assert await not_opened(settings_of(broker, "closes.")) < 5
        await asyncio.to_thread(broker.restart)
        await log.append("events", entries(b"after"))
        assert await log.ready()
        await until(lambda: b"after" in reader.values(), reader)
        values = reader.values()
    await log.close()
    assert (values[0], values[-1]) == (b"before", b"after")
    assert b"never queued" not in values
    assert values.count(b"lost or late") <= 3
    again = await open_log(settings_of(broker, "closes."), wall_clock)
    assert [record.value for record in await read_all(again, 1)] == [b"before"]
    await again.close()


async def test_a_broker_that_hangs_is_told_by_writers_and_readers(broker: Broker) -> None:
    log = await open_log(settings_of(broker, "hangs."), wall_clock)
    async with Reader(log) as reader:
        await log.append("events", entries(b"before"))
        await reader.until(1)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            told, refusal = await asyncio.gather(cannot_read(reader), refused(log, b"late"))
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert told < 15
        assert refusal < 5
        await until(lambda: b"late" in reader.values(), reader)
        await log.append("events", entries(b"after"))
        await until(lambda: b"after" in reader.values(), reader)
        assert reader.values() == [b"before", b"late", b"after"]
    await log.close()


async def test_prefixes_keep_deployments_apart(kafka: str) -> None:
    one, other = [
        await open_log(make_settings(kafka_bootstrap_servers=kafka, topic_prefix=prefix), wall_clock)
        for prefix in (f"one-{os.getpid()}.", f"other-{os.getpid()}.")
    ]
    await one.append("events", entries(b"one"))
    assert await other.append("events", entries(b"other")) == [(0, 0)]
    assert [record.value for record in await read_all(other, 1)] == [b"other"]
    await one.close()
    await other.close()


def test_security_is_passed_on() -> None:
    plain = connection_of(make_settings(kafka_bootstrap_servers="k:9092"))
    assert plain == {"bootstrap_servers": "k:9092", "client_id": "successplays", "security_protocol": "PLAINTEXT"}
    secured = connection_of(
        make_settings(
            kafka_bootstrap_servers="k:9092",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_sasl_username="successplays",
            kafka_sasl_password=SecretStr("hush"),
        )
    )
    assert secured["ssl_context"].check_hostname
    assert (secured["sasl_mechanism"], secured["sasl_plain_username"], secured["sasl_plain_password"]) == (
        "SCRAM-SHA-512",
        "successplays",
        "hush",
    )
