"""The log: append-only topics in partitions, in two implementations that pass one conformance suite.

`shared.log.kafka` speaks to Apache Kafka, `shared.log.embedded` keeps the topics in one SQLite file. `shared.log.open_log` chooses by
the settings.

    producer side    await log.append("events", [Entry(key, value), ...])      returns when it is durable
    consumer side    async with log.subscribe("events", group, assigned, revoked) as subscription:
                         batch = await subscription.poll(max_records=5000, wait=0.2)

Time: a record's `at` is given by the log when it is appended (Kafka: LogAppendTime). A log opened for replay takes it from the writer
instead (`Entry.at`), never backwards.
"""
