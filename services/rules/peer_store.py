"""The SQL of peers' totals (table `peer_total`). Each function works in the transaction of its connection; none commits."""

from typing import NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules.core.peers.totals import Groups


class Part(NamedTuple):
    """What one partition knows of one day: its `groups` once it is `closed`, before that what was added so far.

    None on the day before the first that was counted. A closed day without any peers has no row, unless it is the last.
    """

    peers: str
    partition: int
    day: int
    closed: bool
    groups: Groups | None


_PART = "SELECT peers, partition, day, closed, document FROM peer_total WHERE "
_OWN = text(_PART + "partition = :partition ORDER BY day")
_CLOSED = text(_PART + "peers = :peers AND closed AND (day >= :first OR document IS NULL) ORDER BY day")
_FORGET = text(
    "DELETE FROM peer_total WHERE partition = :partition AND peers = :peers AND day < :before AND document IS NOT NULL"
)
_FORGET_ALL = text("DELETE FROM peer_total WHERE partition = :partition AND peers = :peers")

_decode = msgspec.json.Decoder(Groups).decode


async def own_parts(connection: AsyncConnection, partition: int) -> list[Part]:
    """All that is kept of a partition, by day."""
    return [_part(*row) for row in await connection.execute(_OWN, {"partition": partition})]


async def closed_parts(connection: AsyncConnection, peers: str, first: int) -> list[Part]:
    """The closed days of these peers from `first` on, of every partition, and where each began."""
    return [_part(*row) for row in await connection.execute(_CLOSED, {"peers": peers, "first": first})]


async def forget(connection: AsyncConnection, partition: int, peers: str, before: int) -> None:
    """Delete a partition's totals of the days before that one."""
    await connection.execute(_FORGET, {"partition": partition, "peers": peers, "before": before})


async def forget_all(connection: AsyncConnection, partition: int, peers: str) -> None:
    """Delete all that is kept of these peers in a partition: they begin anew."""
    await connection.execute(_FORGET_ALL, {"partition": partition, "peers": peers})


def _part(peers: str, partition: int, day: int, closed: bool, document: str | None) -> Part:
    return Part(peers, partition, day, bool(closed), None if document is None else _decode(document))


def row_of(part: Part) -> tuple[str, int, int, bool, str | None]:
    """As it is stored."""
    document = None if part.groups is None else msgspec.json.encode(part.groups).decode()
    return part.peers, part.partition, part.day, part.closed, document
