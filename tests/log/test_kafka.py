"""What only happens with brokers: they go away, hang, come back, and want to know who is there."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from scripts import kafka as kafka_server
from scripts.kafka import Broker
from shared.log.contract import Entry, EntryTooLarge, Log, LogUnavailable
from shared.log.kafka import connection_of
from shared.settings import Settings
from tests.conftest import make_settings
from tests.log.conftest import OpenLog
from tests.log.reading import Reader, read_all, until

READ_FOR_EVER = """
import asyncio
from shared.clock import wall_clock
from shared.log import open_log
from shared.settings import read_settings
from tests.log.reading import Reader

async def read():
    log = await open_log(read_settings(), wall_clock)
    async with Reader(log) as reader:
        print(len(await reader.until(4)), "records", flush=True)
        while True:
            await reader.poll()

asyncio.run(read())
"""


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


async def not_opened(settings: Settings, open_with: OpenLog) -> float:
    """How many seconds it took until the log did not open."""
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="does not answer"):
        await open_with(settings)
    return time.monotonic() - began


async def cannot_read(reader: Reader) -> float:
    """How many seconds it took until a poll said that the log cannot be read."""
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        await until(lambda: False, reader)
    return time.monotonic() - began


def freeze(pid: int) -> None:
    """Stop a process; of its threads some go on for a few milliseconds, which is enough for an answer."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while {stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")} != {"T"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_broker_that_is_away_is_told_within_five_seconds_until_it_is_back(broker: Broker, open_with: OpenLog) -> None:
    log = await open_with(settings_of(broker, "away."))
    closing = await open_with(settings_of(broker, "closes."))
    async with Reader(log) as reader:
        await log.append("events", entries(b"before"))
        await reader.until(1)
        async with Reader(closing) as leaving:
            await closing.append("events", entries(b"before"))
            await leaving.until(1)
            await asyncio.to_thread(broker.stop)
            worked = time.process_time()
            took = await asyncio.gather(refused(closing, b"given up"), *(refused(log, b"lost or late") for _ in range(3)))
            assert max(took) < 5
            assert time.process_time() - worked < 0.2 * max(took)
            began = time.monotonic()
        await closing.close()
        assert time.monotonic() - began < 10
        assert await refused(log, b"never queued") < 5
        assert not await log.ready()
        assert await not_opened(settings_of(broker, "closes."), open_with) < 5
        await asyncio.to_thread(broker.restart)
        await log.append("events", entries(b"after"))
        assert await log.ready()
        await until(lambda: b"after" in reader.values(), reader)
        values = reader.values()
    await log.close()
    assert (values[0], values[-1]) == (b"before", b"after")
    assert b"never queued" not in values
    assert values.count(b"lost or late") <= 3
    again = await open_with(settings_of(broker, "closes."))
    assert [record.value for record in await read_all(again, 1)] == [b"before"]


async def test_a_broker_that_hangs_is_told_by_writers_and_readers(broker: Broker, open_with: OpenLog) -> None:
    log = await open_with(settings_of(broker, "hangs."))
    async with Reader(log) as reader:
        await log.append("events", entries(b"before"))
        await reader.until(1)
        await asyncio.to_thread(freeze, broker.pid)
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


async def test_what_a_dead_member_held_goes_to_another_within_the_session_timeout(kafka: str, open_with: OpenLog) -> None:
    settings = make_settings(kafka_bootstrap_servers=kafka, topic_prefix=f"dies-{os.getpid()}.", session_timeout=2)
    log = await open_with(settings)
    await log.append("events", [Entry("acme", b"x", partition=partition) for partition in range(4)])
    environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "SUCCESSPLAYS_TOPIC_PREFIX": settings.topic_prefix}
    command = [sys.executable, "-c", READ_FOR_EVER]
    member = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, cwd=Path(__file__).parents[2], env=environment | {"SUCCESSPLAYS_SESSION_TIMEOUT": "2"}
    )
    try:
        assert member.stdout is not None
        while await member.stdout.readline() != b"4 records\n":
            assert member.returncode is None
    finally:
        member.kill()
        await member.wait()
    began = time.monotonic()
    async with Reader(log) as reader:
        assert len(await reader.until(4)) == 4
    assert time.monotonic() - began < 2 + 8


async def test_what_the_broker_refuses_for_its_size_does_not_hold_up_what_follows(kafka: str, open_with: OpenLog) -> None:
    prefix = f"small-{os.getpid()}."
    log = await open_with(make_settings(kafka_bootstrap_servers=kafka, topic_prefix=prefix))
    await log.append("events", entries(b"before"))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    smaller = {"max.message.bytes": "2000", "message.timestamp.type": "LogAppendTime"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, f"{prefix}events", smaller)])
    await admin.close()
    with pytest.raises(EntryTooLarge, match=r"message\.max\.bytes"):
        await append_until_refused(log, bytes(5000))
    partition_and_offset = (await log.append("events", entries(b"after")))[0]
    records = await read_all(log, partition_and_offset[1] + 1)
    assert (records[0].value, records[-1].value) == (b"before", b"after")


async def append_until_refused(log: Log, value: bytes) -> None:
    """Append again and again: a broker hears of a new configuration a little later."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        await log.append("events", entries(value))


async def test_prefixes_keep_deployments_apart(kafka: str, open_with: OpenLog) -> None:
    one, other = [
        await open_with(make_settings(kafka_bootstrap_servers=kafka, topic_prefix=prefix))
        for prefix in (f"one-{os.getpid()}.", f"other-{os.getpid()}.")
    ]
    await one.append("events", entries(b"one"))
    assert await other.append("events", entries(b"other")) == [(0, 0)]
    assert [record.value for record in await read_all(other, 1)] == [b"other"]
    await one.close()


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
