"""The rules service's SQL, as verbs. Each works in the transaction of the connection that it is given; none commits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules import bulk, peer_store
from services.rules.bulk import Row
from services.rules.core.identity import Meaning
from services.rules.core.state import SubjectKey
from services.rules.peer_store import Part
from services.rules.rows import EVENT, OUTBOX, Rows
from shared.db import tables
from shared.db.history import months_stored
from shared.instants import Instant
from shared.records import Event
from shared.topics import EVENTS


class Progress(NamedTuple):
    """How far a partition is, as stored, and the epoch under which that was read."""

    epoch: int
    next_offset: int
    at: Instant
    plays: str
    earliest_deadline: Instant | None
    peers: list[Part]


class Advance(NamedTuple):
    """Where a partition is to be after a transaction, if `epoch` is still its own."""

    partition: int
    epoch: int
    next_offset: int
    at: Instant


# ------------------------------------------------------------------ partitions

_TAKE_OVER = text(
    "INSERT INTO partition (topic, partition, epoch, next_offset, at, plays) VALUES (:topic, :partition, 1, 0, 0, '{}') "
    "ON CONFLICT (topic, partition) DO UPDATE SET epoch = partition.epoch + 1 RETURNING epoch, next_offset, at, plays"
)
_PROGRESS = text("SELECT epoch, next_offset, at, plays FROM partition WHERE topic = :topic AND partition = :partition")
_EARLIEST = text("SELECT min(next_deadline) FROM subject WHERE partition = :partition")
_ADVANCE = (
    "UPDATE partition SET next_offset = given.next_offset, at = given.at "
    "FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) AS given(partition, epoch, next_offset, at) "
    "WHERE topic = $5 AND partition.partition = given.partition AND partition.epoch = given.epoch RETURNING partition.partition"
)
_ADVANCE_ONE = text(
    "UPDATE partition SET next_offset = :next_offset, at = :at "
    "WHERE topic = :topic AND partition = :partition AND epoch = :epoch RETURNING partition"
)


async def take_over(connection: AsyncConnection, partition: int) -> Progress:
    """Raise the partition's epoch: from now on no transaction under an older one changes anything."""
    found = (await connection.execute(_TAKE_OVER, {"topic": EVENTS, "partition": partition})).one()
    return await _progress(connection, partition, found.epoch, found)


async def progress(connection: AsyncConnection, partition: int, epoch: int) -> Progress | None:
    """How far the partition is; None if another worker has taken it since `epoch`."""
    found = (await connection.execute(_PROGRESS, {"topic": EVENTS, "partition": partition})).one_or_none()
    if found is None or found.epoch != epoch:
        return None
    return await _progress(connection, partition, epoch, found)


async def _progress(connection: AsyncConnection, partition: int, epoch: int, found: Any) -> Progress:
    earliest = await earliest_deadline(connection, partition)
    peers = await peer_store.own_parts(connection, partition)
    return Progress(epoch, found.next_offset, found.at, found.plays, earliest, peers)


async def advance(connection: AsyncConnection, advances: Sequence[Advance]) -> set[int]:
    """The fence: move the partitions on. The answer is those that are not ours any more; then the transaction must not go on."""
    if connection.dialect.name == "postgresql":
        values = (*map(list, zip(*advances, strict=True)), EVENTS)
        moved = {row[0] for row in await connection.exec_driver_sql(_ADVANCE, values)}
    else:
        moved = set()
        for one in advances:
            if (await connection.execute(_ADVANCE_ONE, {"topic": EVENTS, **one._asdict()})).first() is not None:
                moved.add(one.partition)
    return {one.partition for one in advances} - moved


async def earliest_deadline(connection: AsyncConnection, partition: int) -> Instant | None:
    """The earliest deadline of the partition's subjects."""
    found: Instant | None = (await connection.execute(_EARLIEST, {"partition": partition})).scalar()
    return found


_DUE = text(
    "SELECT account_id, kind, value, next_deadline FROM subject WHERE partition = :partition AND next_deadline < :until "
    "ORDER BY next_deadline LIMIT :limit"
)
_EARLIEST_FROM = text("SELECT min(next_deadline) FROM subject WHERE partition = :partition AND next_deadline >= :until")
_ACCOUNTS_AFTER = text(
    "SELECT account_id FROM account WHERE partition = :partition AND account_id > :cursor AND plays_offset < :offset "
    "ORDER BY account_id LIMIT :limit"
)


async def due_subjects(
    connection: AsyncConnection, partition: int, until: Instant, limit: int
) -> tuple[list[tuple[str, SubjectKey]], Instant | None]:
    """The subjects with a deadline earlier than `until`, the earliest first; and the earliest deadline among all others."""
    found = (await connection.execute(_DUE, {"partition": partition, "until": until, "limit": limit})).all()
    due = [(account_id, SubjectKey(kind, value)) for account_id, kind, value, _ in found]
    if len(found) == limit:
        # There may be more of the same instant.
        return due, found[-1].next_deadline
    return due, (await connection.execute(_EARLIEST_FROM, {"partition": partition, "until": until})).scalar()


async def accounts_to_warm(connection: AsyncConnection, partition: int, cursor: str, offset: int, limit: int) -> list[str]:
    """The next accounts, by id, that were not brought to the plays of the record at `offset`."""
    given = {"partition": partition, "cursor": cursor, "offset": offset, "limit": limit}
    return [row[0] for row in await connection.execute(_ACCOUNTS_AFTER, given)]


# ------------------------------------------------------------------ what is known

# The fingerprints travel as one value, 16 bytes each: an array of them costs its client ten times as much as the look-ups. Each
# is looked for in the primary key's index, one month at a time (OFFSET 0 and UNION ALL leave the planner no choice): before the
# table is analysed, PostgreSQL would compare each of its rows with each of the names.
_KNOWN_POSTGRESQL = (
    "SELECT found.month, found.fingerprint FROM (SELECT account_id, substring($2::bytea FROM place::integer * 16 - 15 FOR 16) "
    "AS print FROM unnest($1::text[]) WITH ORDINALITY AS one(account_id, place) OFFSET 0) AS given CROSS JOIN LATERAL ("
    "SELECT month, fingerprint FROM event "
    "WHERE month = $3::integer AND account_id = given.account_id AND fingerprint = given.print UNION ALL "
    "SELECT month, fingerprint FROM event "
    "WHERE month = $3::integer - 1 AND account_id = given.account_id AND fingerprint = given.print OFFSET 0) AS found"
)
# CROSS JOIN keeps SQLite at the same.
_KNOWN_SQLITE = (
    "WITH given(account_id, print) AS (VALUES {pairs}) SELECT month, fingerprint FROM given CROSS JOIN event "
    "ON month IN (?, ?) AND event.account_id = given.account_id AND fingerprint = given.print"
)
# Of two parameters each; SQLite takes 32,766.
_KEYS_AT_ONCE = 8_192
_HISTORY = (
    "SELECT id, name, source, account_id, user_id, occurred_at, received_at, properties, traits, user_traits, imported "
    "FROM event WHERE {wanted} ORDER BY account_id, received_at, position"
)
_HISTORY_POSTGRESQL = _HISTORY.format(
    wanted="month = ANY($1::integer[]) AND account_id = ANY($2::text[]) AND ($3::text[] IS NULL OR name = ANY($3))"
)
_HISTORY_SQLITE = _HISTORY.format(
    wanted="month IN (SELECT value FROM json_each(?1)) AND account_id IN (SELECT value FROM json_each(?2)) "
    "AND (?3 IS NULL OR name IN (SELECT value FROM json_each(?3)))"
)
# An event's name: its account and its fingerprint.
Name = tuple[str, bytes]


async def known_events(connection: AsyncConnection, names: Mapping[int, Sequence[Name]]) -> set[tuple[int, bytes]]:
    """Of the named events, by month, what is stored in that month or the one before it: (month, fingerprint)."""
    known: set[tuple[int, bytes]] = set()
    for month, of_month in names.items():
        # Months are few but in imported history, where each still has many events.
        known.update((found, named) for found, named in await _known_of_month(connection, month, of_month))
    return known


async def _known_of_month(connection: AsyncConnection, month: int, names: Sequence[Name]) -> list[Row]:
    if connection.dialect.name == "postgresql":
        account_ids, prints = zip(*names, strict=True)
        return await bulk.fetch(connection, _KNOWN_POSTGRESQL, "", (account_ids, b"".join(prints), month))
    known: list[Row] = []
    for some in bulk.in_fixed_sizes(names, _KEYS_AT_ONCE):
        values = (*chain.from_iterable(some), month, month - 1)
        known += await bulk.fetch(connection, "", _known_sqlite(len(some)), values)
    return known


@lru_cache
def _known_sqlite(count: int) -> str:
    return _KNOWN_SQLITE.format(pairs=", ".join(["(?, ?)"] * count))


async def find_accounts(connection: AsyncConnection, account_ids: Sequence[str]) -> list[Row]:
    """(account_id, traits, first_seen_at, plays_offset) of those that exist."""
    wanted = ("account_id", "traits", "first_seen_at", "plays_offset")
    return await bulk.look_up(connection, tables.account, ("account_id",), _ones(account_ids), wanted)


async def find_subjects(connection: AsyncConnection, keys: Sequence[Row]) -> list[Row]:
    """(account_id, kind, value, document) of those that exist, by these three or, of an account, all."""
    by = ("account_id", "kind", "value")[: len(keys[0])] if keys else ()
    return await bulk.look_up(connection, tables.subject, by, keys, ("account_id", "kind", "value", "document"))


async def find_users(connection: AsyncConnection, keys: Sequence[Row]) -> list[Row]:
    """(account_id, user_id, traits) of those that exist, by these two or, of an account, all."""
    by = ("account_id", "user_id")[: len(keys[0])] if keys else ()
    return await bulk.look_up(connection, tables.account_user, by, keys, ("account_id", "user_id", "traits"))


async def find_meanings(connection: AsyncConnection, aliases: Sequence[str]) -> dict[str, Meaning]:
    """What the aliases are known to mean."""
    found = await bulk.look_up(connection, tables.alias, ("alias",), _ones(aliases), ("alias", "account_id", "same_as"))
    return {alias: Meaning(account_id, same_as) for alias, account_id, same_as in found}


async def find_waiting(connection: AsyncConnection, aliases: Sequence[str]) -> list[Row]:
    """(about, source, id, record) of the events that wait under the aliases, the first heard first."""
    wanted = ("about", "source", "id", "record", "received_at")
    found = await bulk.look_up(connection, tables.unassigned, ("about",), _ones(aliases), wanted)
    return [row[:4] for row in sorted(found, key=lambda row: (row[4], row[1], row[2]))]


async def find_trails(connection: AsyncConnection, learnt: Iterable[tuple[str, str]]) -> list[Row]:
    """(alias, via, onward): where events went on to from an alias, by the alias and one by which they came."""
    return await bulk.look_up(connection, tables.trail, ("alias", "via"), list(learnt), ("alias", "via", "onward"))


def _ones(values: Iterable[str]) -> list[Row]:
    return [(value,) for value in values]


async def history(
    connection: AsyncConnection, account_ids: Sequence[str], names: Collection[str] | None
) -> dict[str, list[Event]]:
    """The stored events of these accounts with these names (None: any), each account's in order."""
    wanted = (await months_stored(connection), list(account_ids), None if names is None else list(names))
    postgresql = connection.dialect.name == "postgresql"
    values: Row = wanted if postgresql else tuple(None if one is None else _json(one) for one in wanted)
    found: dict[str, list[Event]] = {account_id: [] for account_id in account_ids}
    for row in await bulk.fetch(connection, _HISTORY_POSTGRESQL, _HISTORY_SQLITE, values):
        found[row[3]].append(_event(row))
    return found


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _event(row: Row) -> Event:
    traits, user_traits = (None if value is None else msgspec.json.decode(value) for value in row[8:10])
    return Event(
        id=row[0],
        name=row[1],
        source=row[2],
        account_id=row[3],
        user_id=row[4],
        occurred_at=row[5],
        received_at=row[6],
        properties_json=msgspec.Raw(row[7].encode()),
        traits=traits,
        user_traits=user_traits,
        imported=bool(row[10]),
    )


# ------------------------------------------------------------------ what was decided


async def keep_plays(connection: AsyncConnection, partition: int, plays: str) -> None:
    """Keep the partition's catalog."""
    await bulk.update(connection, tables.partition, ("topic", "partition"), ("plays",), [(EVENTS, partition, plays)])


async def add_events(connection: AsyncConnection, rows: Rows) -> None:
    """Keep a batch's new events in the history."""
    await bulk.insert(connection, tables.event, EVENT, rows.events)


async def write(connection: AsyncConnection, rows: Rows) -> None:
    """Store everything else that a batch decided."""
    await bulk.insert(connection, tables.outbox, OUTBOX, rows.outbox)
    for table, columns, changed, keep in rows.upserts():
        await bulk.upsert(connection, table, columns, changed, keep)
    await bulk.update(connection, tables.run, ("run_id",), ("resolved_at", "resolution"), rows.resolved)
    await bulk.update(connection, tables.run, ("run_id",), ("goal_at", "goal"), rows.goals)
    await bulk.delete(connection, tables.subject, ("account_id", "kind", "value"), rows.forgotten_subjects)
    await bulk.delete(connection, tables.unassigned, ("about", "source", "id"), rows.released)
    ended = [trail for trail, row in rows.trails.items() if row is None]
    await bulk.delete(connection, tables.trail, ("alias", "via", "onward"), ended)


async def clear_deadlines(connection: AsyncConnection, account_id: str, subjects: Sequence[SubjectKey]) -> None:
    """Let these subjects have no deadline until their next event."""
    keys, rows = ("account_id", "kind", "value"), [(account_id, key.kind, key.value, None) for key in subjects]
    await bulk.update(connection, tables.subject, keys, ("next_deadline",), rows)


# ------------------------------------------------------------------ the outbox

_OUTBOX = text("SELECT id, topic, key, partition, value, at FROM outbox WHERE owner = :owner ORDER BY id LIMIT :limit")
_OUTBOX_DONE = text("DELETE FROM outbox WHERE owner = :owner AND id <= :last")


async def outbox_rows(connection: AsyncConnection, owner: str, limit: int) -> list[Row]:
    """(id, topic, key, partition, value, at) of what this owner has yet to append, in order."""
    return [tuple(row) for row in await connection.execute(_OUTBOX, {"owner": owner, "limit": limit})]


async def empty_outboxes(connection: AsyncConnection, owners: Sequence[str]) -> None:
    """Everything that these owners had to append is in the log."""
    await bulk.delete(connection, tables.outbox, ("owner",), _ones(owners))


async def outbox_appended(connection: AsyncConnection, owner: str, last: int) -> None:
    """What this owner had to append up to row `last` is in the log."""
    await connection.execute(_OUTBOX_DONE, {"owner": owner, "last": last})
