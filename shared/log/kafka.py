"""The log on Apache Kafka, by aiokafka: one producer, one consumer per subscription, topics made as we need them."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from shared.log.contract import Assigned, Entry, LogMisconfigured, LogUnavailable, Revoked, place
from shared.log.holding import Holding
from shared.log.kafka_producer import Producer
from shared.log.kafka_subscription import KafkaSubscription
from shared.log.kafka_topics import Form, end_replay, make_topics
from shared.settings import Settings

# How long an admin request (making or checking topics) may take, and a sign of life; seconds.
ADMIN_TIMEOUT = 15.0
READY_TIMEOUT = 2.0


class KafkaLog:
    """The topics `names` on a Kafka cluster, each under the deployment's prefix."""

    def __init__(self, settings: Settings, names: Sequence[str]) -> None:
        self.replay = settings.replay
        self._connection = connection_of(settings)
        self._prefix = settings.topic_prefix
        self._form = Form(settings.partitions, settings.replication, settings.replay)
        self._session_timeout = settings.session_timeout
        self._names = tuple(names)
        self._partitions: dict[str, int] = {}
        self._producer = Producer(self._connection)
        # In an outage aiokafka writes dozens of lines a second. What matters of them is raised as LogUnavailable.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def create_topics(self) -> None:
        """Make the topics that are missing; LogMisconfigured if one is there in another form."""
        names = [self._prefix + name for name in self._names]
        await self._administer(make_topics(self._connection, names, self._form))
        self._partitions = dict.fromkeys(self._names, self._form.partitions)

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._count(topic)

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        """Append durably: every in-sync replica has the entries when it returns."""
        placed = place(topic, entries, self._count(topic))
        if not placed:
            return []
        return await self._producer.append(self._prefix + topic, placed, self.replay)

    def subscribe(self, topic: str, group: str, assigned: Assigned, revoked: Revoked) -> KafkaSubscription:
        """A member of the group, which joins it when it is entered."""
        self._count(topic)
        return KafkaSubscription(
            self._connection,
            topic=self._prefix + topic,
            group=self._prefix + group,
            holding=Holding(topic, assigned, revoked),
            session_timeout=self._session_timeout,
        )

    async def go_live(self) -> None:
        """End a replay: the brokers give the time from now on."""
        names = [self._prefix + name for name in self._names]
        self._form = self._form._replace(replay=False)
        await self._administer(end_replay(self._connection, names, self._form))
        self.replay = False

    async def ready(self) -> bool:
        """Whether a broker answers now."""
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                return await self._producer.answers()
        except (LogUnavailable, KafkaError, TimeoutError):
            return False

    async def close(self) -> None:
        """End the producer, within a few seconds even when the brokers are away."""
        await self._producer.close()

    async def _administer(self, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(ADMIN_TIMEOUT):
                await work
        except (KafkaError, TimeoutError) as error:
            servers = self._connection["bootstrap_servers"]
            raise LogUnavailable(f"Kafka at {servers} does not answer: {error or 'time is up'}") from error

    def _count(self, topic: str) -> int:
        partitions = self._partitions.get(topic)
        if partitions is None:
            raise LogMisconfigured(f"there is no topic {topic}: known are {', '.join(self._partitions) or 'none'}")
        return partitions


def connection_of(settings: Settings) -> dict[str, Any]:
    """How aiokafka's clients connect: servers, SASL and TLS, as its arguments."""
    connection: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "client_id": "successplays",
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL_"):
        password = settings.kafka_sasl_password
        connection |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        connection["ssl_context"] = create_ssl_context(
            cafile=settings.kafka_ssl_cafile, certfile=settings.kafka_ssl_certfile, keyfile=settings.kafka_ssl_keyfile
        )
    return connection
