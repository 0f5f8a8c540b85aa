"""The SQL of explaining: what is stored of an account's standing, of a play's versions, of what was decided. It only reads."""

from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules.bulk import Row
from shared.db.tables import account, decision, partition, play_version, subject
from shared.instants import Instant
from shared.records import AppliedPlay
from shared.topics import EVENTS


class Known(NamedTuple):
    """An account, and its partition: the time up to which it was decided, and the plays that are active there, as JSON."""

    traits: str
    first_seen_at: Instant
    plays_offset: int
    at: Instant
    plays: str


class Version(NamedTuple):
    """One version of a play, and when it was applied."""

    play: str
    version: int
    document: str
    applied_at: Instant

    def as_applied(self) -> AppliedPlay:
        """As it went into the log."""
        return AppliedPlay(play=self.play, version=self.version, document=msgspec.json.decode(self.document))


class Decided(NamedTuple):
    """An edge that became no ordinary run."""

    subject: str
    at: Instant
    reason: str


async def known_of(connection: AsyncConnection, account_id: str) -> Known | None:
    """The account with its partition; None where it does not exist."""
    columns = (account.c.traits, account.c.first_seen_at, account.c.plays_offset, partition.c.at, partition.c.plays)
    here = (partition.c.topic == EVENTS) & (partition.c.partition == account.c.partition)
    asked = select(*columns).join(partition, here).where(account.c.account_id == account_id)
    found = (await connection.execute(asked)).first()
    return None if found is None else Known(*found)


async def versions_of(connection: AsyncConnection, name: str) -> list[Version]:
    """Every version of a play, the oldest first."""
    columns = (play_version.c.play, play_version.c.version, play_version.c.document, play_version.c.applied_at)
    asked = select(*columns).where(play_version.c.play == name).order_by(play_version.c.version)
    return [Version(*row) for row in await connection.execute(asked)]


async def subjects_of_kind(connection: AsyncConnection, account_id: str, kind: str, limit: int) -> list[Row]:
    """(account_id, kind, value, document) of the account's subjects of a kind, by value."""
    columns = (subject.c.account_id, subject.c.kind, subject.c.value, subject.c.document)
    asked = select(*columns).where(subject.c.account_id == account_id, subject.c.kind == kind)
    return [tuple(row) for row in await connection.execute(asked.order_by(subject.c.value).limit(limit))]


async def decided_of(connection: AsyncConnection, name: str, account_id: str, limit: int) -> list[Decided]:
    """The newest decisions of a play about an account's subjects, the oldest of them first."""
    asked = select(decision.c.subject, decision.c.at, decision.c.reason)
    asked = asked.where(decision.c.account_id == account_id, decision.c.play == name)
    newest = await connection.execute(asked.order_by(decision.c.at.desc(), decision.c.decision_id).limit(limit))
    return [Decided(*row) for row in reversed(newest.all())]
