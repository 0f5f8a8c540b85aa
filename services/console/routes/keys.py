"""`/api/v1/keys`: make a key (it is shown once), list them, revoke one."""

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.console.access import Admin
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from shared.db import key_store as store
from shared.db.database import reading
from shared.keys import ApiKey, KeyInvalid, hash_key, make_key

_logger = structlog.get_logger()

router = APIRouter(prefix="/keys", tags=["keys"])

_ALL_OR_NONE: dict[bool, list[str] | None] = {True: None, False: []}


class NewKey(BaseModel):
    """What the key is for. `source`, `events` and `traits` matter to keys that send events."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["write", "read", "apply", "run", "admin"]
    source: str = Field(default="api", min_length=1, max_length=100, description="What its events are said to come from.")
    events: list[str] | None = Field(
        default=None, max_length=1_000, description="Names it may send: `ticket.created`, `ticket.*`."
    )
    traits: bool | Annotated[list[str], Field(max_length=1_000)] = Field(
        default=True, description="Whether it may tell traits, and who belongs to which account; or the traits that it may tell."
    )
    origins: list[str] = Field(
        default=[], max_length=100, description="For a key that web pages use: theirs, such as `https://app.acme.example`."
    )


class Key(Shown):
    """A key as it is known: by its beginning."""

    key_id: str
    prefix: str
    scopes: list[str]
    source: str
    events: list[str] | None
    traits: bool | list[str]
    origins: list[str]
    created_at: Moment
    revoked_at: Moment | None


class KeyShownOnce(Key):
    """The key itself: only its hash is kept, so it is never shown again."""

    key: str


class Keys(Shown):
    """All keys, the oldest first."""

    items: list[Key]


@router.post("", status_code=201)
async def create_key(asked: NewKey, parts: Given, caller: Admin) -> KeyShownOnce:
    """Make a key."""
    try:
        text, key = make_key(
            asked.kind,
            now=parts.clock(),
            source=asked.source,
            events=asked.events,
            traits=_ALL_OR_NONE[asked.traits] if isinstance(asked.traits, bool) else asked.traits,
            origins=asked.origins,
        )
    except KeyInvalid as error:
        raise Refused(400, "key_invalid", str(error)) from None
    async with parts.database.begin() as connection:
        await store.create_key(connection, key, hash_key(text, parts.secret))
    _logger.info("key.created", key_id=key.key_id, kind=asked.kind, by=caller.name)
    return KeyShownOnce(**_fields(key), key=text)


@router.get("")
async def list_keys(parts: Given, _: Admin) -> Keys:
    """Every key, the revoked ones too."""
    async with reading(parts.database) as connection:
        return Keys(items=[Key(**_fields(key)) for key in await store.list_keys(connection)])


@router.post("/{key_id}/revoke", responses=NOT_FOUND)
async def revoke_key(key_id: str, parts: Given, caller: Admin) -> Key:
    """Make a key useless, within five seconds everywhere. Doing it again changes nothing."""
    async with parts.database.begin() as connection:
        if not await store.revoke_key(connection, key_id, parts.clock()):
            raise missing("key", key_id)
        keys = {key.key_id: key for key in await store.list_keys(connection)}
    _logger.info("key.revoked", key_id=key_id, by=caller.name)
    return Key(**_fields(keys[key_id]))


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "source": key.source,
        "events": None if key.events is None else list(key.events),
        "traits": list(key.traits) if key.traits else key.traits is None,
        "origins": list(key.origins),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
