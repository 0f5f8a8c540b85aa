"""API keys in the database, as verbs. The caller opens and commits the transaction."""

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables import api_key
from shared.instants import Instant
from shared.keys import ApiKey

_KNOWN = [column for column in api_key.columns if column is not api_key.c.hash]


async def create_key(connection: AsyncConnection, key: ApiKey, hashed: bytes) -> None:
    """Keep a new key by its hash (`shared.keys.hash_key`)."""
    await connection.execute(
        insert(api_key).values(
            key_id=key.key_id,
            prefix=key.prefix,
            hash=hashed,
            scopes=list(key.scopes),
            source=key.source,
            events=None if key.events is None else list(key.events),
            traits=None if key.traits is None else list(key.traits),
            origins=list(key.origins) or None,
            created_at=key.created_at,
            revoked_at=key.revoked_at,
        )
    )


async def find_by_hash(connection: AsyncConnection, hashed: bytes) -> ApiKey | None:
    """The key with this hash, unless there is none or it was revoked."""
    found = await connection.execute(select(*_KNOWN).where(api_key.c.hash == hashed, api_key.c.revoked_at.is_(None)))
    row = found.one_or_none()
    return None if row is None else _key_of(row)


async def stated_origins(connection: AsyncConnection) -> frozenset[str]:
    """The web pages that any key is for which was not revoked."""
    rows = await connection.execute(select(api_key.c.origins).where(api_key.c.revoked_at.is_(None)))
    return frozenset(origin for (origins,) in rows for origin in origins or ())


async def list_keys(connection: AsyncConnection) -> list[ApiKey]:
    """Every key, the revoked ones too, oldest first."""
    rows = await connection.execute(select(*_KNOWN).order_by(api_key.c.created_at, api_key.c.key_id))
    return [_key_of(row) for row in rows]


async def revoke_key(connection: AsyncConnection, key_id: str, now: Instant) -> bool:
    """Revoke a key; False when there is none of this id. To revoke it twice changes nothing."""
    there = await connection.execute(select(api_key.c.key_id).where(api_key.c.key_id == key_id))
    if there.one_or_none() is None:
        return False
    await connection.execute(
        update(api_key).where(api_key.c.key_id == key_id, api_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return True


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        source=row.source,
        events=None if row.events is None else tuple(row.events),
        traits=None if row.traits is None else tuple(row.traits),
        origins=tuple(row.origins or ()),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
