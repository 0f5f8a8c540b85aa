"""The floor with the rules service's durability: the four plays by hand, in a loop from Kafka to PostgreSQL and back to Kafka.

    read a batch ─► decode ─► which of it is known? ─► the four plays ─► one transaction ─► the runs to Kafka

The transaction holds the new events, the accounts that changed, the runs and the offsets; nothing in it is general.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from benchmarks.floor import Account, Floor, Line, Properties, Runs, Traits
from shared.instants import Instant, month_of

BATCH = 5_000

TABLES = """
CREATE TABLE event (month integer, fingerprint bytea, account_id text NOT NULL, source text NOT NULL, id text NOT NULL,
  name text NOT NULL, user_id text, occurred_at bigint NOT NULL, received_at bigint NOT NULL, position bigint NOT NULL,
  properties text NOT NULL, PRIMARY KEY (month, fingerprint));
CREATE INDEX ON event (account_id, received_at, position);
CREATE TABLE account (account_id text PRIMARY KEY, state bytea NOT NULL, deadline bigint NOT NULL);
CREATE TABLE run (run_id text PRIMARY KEY, play text NOT NULL, account_id text NOT NULL, opened_at bigint NOT NULL,
  resolved_at bigint);
CREATE TABLE progress (partition integer PRIMARY KEY, next_offset bigint NOT NULL);
"""
EVENT = ("month", "fingerprint", "account_id", "source", "id", "name", "user_id", "occurred_at", "received_at", "position")
# One index look-up a key whatever the planner believes: `month = ANY(..) AND fingerprint = ANY(..)` takes seconds on a table that
# is not analysed yet, and a floor that stumbles flatters.
KNOWN = (
    "SELECT found.* FROM unnest($1::integer[], $2::bytea[]) AS given(month, fingerprint) CROSS JOIN LATERAL "
    "(SELECT month, fingerprint FROM event AS e WHERE e.month = given.month AND e.fingerprint = given.fingerprint OFFSET 0) "
    "AS found"
)
KEEP_ACCOUNTS = (
    "INSERT INTO account SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[]) "
    "ON CONFLICT (account_id) DO UPDATE SET state = excluded.state, deadline = excluded.deadline"
)
KEEP_RUNS = (
    "INSERT INTO run (run_id, play, account_id, opened_at) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])"
)
RESOLVE = (
    "UPDATE run SET resolved_at = given.resolved_at FROM unnest($1::text[], $2::bigint[]) AS given(run_id, resolved_at) "
    "WHERE run.run_id = given.run_id"
)
KEEP_PROGRESS = (
    "INSERT INTO progress SELECT * FROM unnest($1::integer[], $2::bigint[]) "
    "ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset"
)


class Stored(msgspec.Struct):
    """One record of the log, its properties as they stand: they are stored like that."""

    id: str
    name: str
    source: str
    account_id: str
    occurred_at: Instant
    user_id: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    traits: Traits | None = None


_decode = msgspec.json.Decoder(Stored).decode
_properties = msgspec.json.Decoder(Properties).decode
_encode = msgspec.json.Encoder().encode
_NOTHING = Properties()
_LOOKED_AT = frozenset({"ticket.created", "nps.answered"})


class KeptFloor:
    """All partitions in one process."""

    def __init__(self, connection: Any, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, topics: tuple[str, str]) -> None:
        self._connection = connection
        self._consumer = consumer
        self._producer = producer
        self._floor = Floor()
        self._due: dict[int, list[tuple[Instant, str]]] = defaultdict(list)
        self._events, self._runs = topics
        self._read = 0

    async def run(self, partitions: int, records: int) -> None:
        """Work until so many records are taken."""
        places = [TopicPartition(self._events, partition) for partition in range(partitions)]
        self._consumer.assign(places)
        for place in places:
            self._consumer.seek(place, 0)
        while self._read < records:
            polled = await self._consumer.getmany(*places, timeout_ms=1000, max_records=BATCH)
            if polled:
                await self._take(polled)

    async def _take(self, polled: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        floor = self._floor
        floor.runs = Runs()
        lines, rows = await self._new(polled)
        floor.take(lines)
        changed = {line.account_id for line in lines}
        for place, records in polled.items():
            self._pass_time(place.partition, records, changed)
        states = [(name, _encode(_state(floor.accounts[name])), floor.accounts[name].deadline) for name in changed]
        offsets = [(place.partition, records[-1].offset + 1) for place, records in polled.items()]
        async with self._connection.transaction():
            await self._connection.copy_records_to_table("event", records=rows, columns=[*EVENT, "properties"])
            await self._many(KEEP_ACCOUNTS, states)
            runs = [(f"{play}/{account}/{at}", play, account, at) for play, account, at in floor.runs.opened]
            await self._many(KEEP_RUNS, runs)
            await self._many(RESOLVE, [(f"{play}/{account}/{at}", end) for play, account, at, end in floor.runs.resolved])
            await self._many(KEEP_PROGRESS, offsets)
        for run in runs:
            await self._producer.send(self._runs, _encode(run), key=run[2].encode())
        await self._producer.flush()
        self._read += sum(map(len, polled.values()))

    async def _new(self, polled: dict[TopicPartition, list[ConsumerRecord]]) -> tuple[list[Line], list[tuple[object, ...]]]:
        """The records that are events and no repeats: as the plays see them, and as rows."""
        heard = [(_time(record), record.offset, _decode(record.value)) for records in polled.values() for record in records
                 if record.key]  # fmt: skip
        names = [(month_of(at), _fingerprint(stored)) for at, _, stored in heard]
        wanted = names + [(month - 1, name) for month, name in names]
        lists = [month for month, _ in wanted], [name for _, name in wanted]
        known = {(row[0], row[1]) for row in await self._connection.fetch(KNOWN, *lists)}
        lines: list[Line] = []
        rows: list[tuple[object, ...]] = []
        for (at, offset, stored), (month, name) in zip(heard, names, strict=True):
            if (month, name) in known or (month - 1, name) in known:
                continue
            known.add((month, name))
            properties = _properties(stored.properties) if stored.name in _LOOKED_AT else _NOTHING
            lines.append(Line(stored.name, stored.account_id, min(stored.occurred_at, at), properties, at, stored.traits))
            rows.append((
                month, name, stored.account_id, stored.source, stored.id, stored.name, stored.user_id,
                min(stored.occurred_at, at), at, offset, bytes(stored.properties).decode(),
            ))  # fmt: skip
        return lines, rows

    def _pass_time(self, partition: int, records: list[ConsumerRecord], changed: set[str]) -> None:
        """Take the deadlines of the partition's accounts, also of those that send nothing."""
        accounts, due, now = self._floor.accounts, self._due[partition], _time(records[-1])
        for name in {record.key.decode() for record in records if record.key}:
            heapq.heappush(due, (accounts[name].deadline, name))
        while due and due[0][0] < now:
            _, name = heapq.heappop(due)
            account = accounts[name]
            if account.deadline < now:
                account.pass_time(now, self._floor.runs)
                changed.add(name)
                heapq.heappush(due, (account.deadline, name))

    async def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        columns = list(zip(*rows, strict=True))
        if columns:
            await self._connection.execute(statement, *columns)


def _fingerprint(stored: Stored) -> bytes:
    return blake2b(f"{stored.account_id}\0{stored.source}\0{stored.id}".encode(), digest_size=16).digest()


def _time(record: ConsumerRecord) -> Instant:
    """The time that the writer gave it."""
    return int(record.headers[0][1])


def _state(account: Account) -> list[object]:
    levels = [[level.on, level.open, level.spent, level.last_opened] for level in (account.drop, account.urgent, account.silence)]
    exports = {str(day): count for day, count in account.exports.items()}
    return [account.plan, levels, exports, account.kept, account.boundary, account.tickets, account.newest_login]
