"""Kafka's topics as this log needs them: a fixed number of partitions, kept for ever, and whose clock their times are from."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.log.contract import LogMisconfigured

# What one broker decides the others hear a little later; seconds between two looks. The caller bounds the whole.
PROPAGATION = 0.05
TIMESTAMP_TYPE = "message.timestamp.type"


class Form(NamedTuple):
    """What a topic must be like."""

    partitions: int
    replication: int
    replay: bool

    @property
    def timestamp_type(self) -> str:
        """Whose time a record has: the writer's in a replay, else the broker's."""
        return "CreateTime" if self.replay else "LogAppendTime"

    def configuration(self) -> dict[str, str]:
        """The topic's own configuration. Nothing is deleted by age or size: a replay needs the first record."""
        for_ever = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
        # A replay's times may be far from the broker's.
        any_time = {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}
        return {TIMESTAMP_TYPE: self.timestamp_type} | for_ever | any_time


async def make_topics(connection: Mapping[str, Any], names: Sequence[str], form: Form) -> None:
    """Make those that are missing, then look at all. Raises LogMisconfigured, KafkaError."""
    async with _Admin(connection) as admin:
        new = [NewTopic(name, form.partitions, form.replication, topic_configs=form.configuration()) for name in names]
        answer = await admin.create_topics(new)
        for name, code, *message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(f"topic {name}: {message}")
        for topic in await _described(admin, names):
            _check_partitions(topic["topic"], len(topic["partitions"]), form)
        for name, timestamp_type in (await _timestamp_types(admin, names)).items():
            _check_timestamp_type(name, timestamp_type, form)


async def end_replay(connection: Mapping[str, Any], names: Sequence[str], form: Form) -> None:
    """Let the broker give the times of what is appended from now on. Raises KafkaError."""
    async with _Admin(connection) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, form.configuration()) for name in names]
        for answer in await admin.alter_configs(resources):
            for code, message, _, name in answer.resources:
                if code:
                    raise for_code(code)(f"topic {name}: {message}")
        while set((await _timestamp_types(admin, names)).values()) != {form.timestamp_type}:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(PROPAGATION)


class _Admin:
    """An admin client that is closed also when it could not start."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._client = AIOKafkaAdminClient(**connection)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def _described(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[dict[str, Any]]:
    """The topics, once the broker that is asked has heard of all of them."""
    while True:
        topics: list[dict[str, Any]] = await admin.describe_topics(list(names))
        errors = {for_code(topic["error_code"]) for topic in topics if topic["error_code"]}
        if not errors:
            return topics
        for error in errors:
            if not error.retriable:
                raise error(f"topics {', '.join(names)}")
        await asyncio.sleep(PROPAGATION)


async def _timestamp_types(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, {TIMESTAMP_TYPE: ""}) for name in names]
    found: dict[str, str] = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"topic {name}: {message}")
            found[name] = next(entry[1] for entry in entries if entry[0] == TIMESTAMP_TYPE)
    return found


def _check_partitions(name: str, there: int, form: Form) -> None:
    if there != form.partitions:
        raise LogMisconfigured(
            f"topic {name} was made with {there} partitions, and {form.partitions} are asked for"
            " (SUCCESSPLAYS_PARTITIONS): the number is fixed"
        )


def _check_timestamp_type(name: str, there: str, form: Form) -> None:
    if there != form.timestamp_type:
        raise LogMisconfigured(
            f"topic {name} has {TIMESTAMP_TYPE}={there}, and {form.timestamp_type} is needed"
            f" {'for a replay' if form.replay else 'when live'} (SUCCESSPLAYS_REPLAY)"
        )
