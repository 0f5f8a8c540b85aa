"""The log: append-only topics in partitions, in two implementations that pass one conformance suite.

`shared.log.kafka` speaks to Apache Kafka, `shared.log.embedded` keeps the topics in one SQLite file.
`open_log` chooses by the settings.

    producer side    await log.append("events", [Entry(key, value), ...])      returns when it is durable
    consumer side    async with log.subscribe("events", group, assigned, revoked) as subscription:
                         batch = await subscription.poll(max_records=5000, wait=0.2)

Time: a record's `at` is given by the log when it is appended (Kafka: LogAppendTime). A log opened for replay takes it from
the writer instead (`Entry.at`), never backwards.
"""

from shared import topics
from shared.clock import Clock
from shared.log.contract import Log
from shared.settings import Settings


async def open_log(settings: Settings, clock: Clock) -> Log:
    """The log that the settings name, its topics made. `clock` gives the time of the embedded log; Kafka has its own.

    Raises LogUnavailable, LogMisconfigured, LogInUse.
    """
    log: Log
    if settings.kafka_bootstrap_servers is None:
        from shared.log.embedded import EmbeddedLog

        log = EmbeddedLog(settings.data, clock, topics.ALL, settings.partitions, replay=settings.replay)
    else:
        from shared.log.kafka import KafkaLog

        log = KafkaLog(settings, topics.ALL)
    try:
        await log.create_topics()
    except Exception:
        await log.close()
        raise
    return log
