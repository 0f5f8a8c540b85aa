"""What was given up, with its reason. The caller opens the transaction."""

import uuid

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables import dead_letter
from shared.instants import Instant

# What is kept of an answer or a reason, for people to read.
MAX_KEPT = 1_000
_LETTERS = uuid.UUID("6d0e6a3c-52e5-5f0a-9a0e-6d9d6d2f5a10")


async def bury(connection: AsyncConnection, kind: str, key: str, *, origin: str, reason: str, value: bytes, now: Instant) -> None:
    """Keep what was given up. The same `kind` and `key` are the same letter, which is kept once."""
    letter = {
        "dead_letter_id": str(uuid.uuid5(_LETTERS, f"{kind}/{key}")),
        "kind": kind,
        "origin": origin,
        "reason": kept(reason),
        "value": value,
        "created_at": now,
    }
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    await connection.execute(insert(dead_letter).on_conflict_do_nothing(), [letter])


def kept(text: str | None) -> str | None:
    """What of a text is kept: PostgreSQL takes no NUL, and nobody reads more than the beginning."""
    return None if text is None else text.replace("\0", "")[:MAX_KEPT]
