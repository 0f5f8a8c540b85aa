"""`/api/v1/unassigned`: the events whose account is not known, whom they are about, and what would release them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.console.access import Reader
from services.console.paging import AnyRow
from services.console.parts import Given
from services.console.shown import Moment, Shown
from services.console.store import unassigned as store
from shared.db.database import reading

router = APIRouter(prefix="/unassigned", tags=["accounts"])


class NameCount(Shown):
    """Events of one name that have no account yet."""

    name: str
    events: int
    oldest: Moment


class Waiting(Shown):
    """Events that wait under one alias. `also` are others by which some of them came; a mapping of any releases its events."""

    alias: str
    also: list[str]
    events: int
    oldest: Moment
    newest: Moment
    names: list[str]
    sources: list[str]


class Unassigned(Shown):
    """Events that are kept until their account is known. `aliases` says under how many they wait; `by_alias` has the largest."""

    events: int
    by_name: list[NameCount]
    aliases: int
    by_alias: list[Waiting]


class UnassignedAsked(BaseModel):
    """How much of it."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=500, description="At most so many aliases, those with the most events first.")


class _Came(msgspec.Struct):
    via: tuple[str, ...] = ()


@router.get("")
async def list_unassigned(parts: Given, _: Reader, asked: Annotated[UnassignedAsked, Query()]) -> Unassigned:
    """Events that wait for their account to be known: by name, and by whom they are about."""
    async with reading(parts.database) as connection:
        by_name = [NameCount.of(row) for row in await store.count_by_name(connection)]
        aliases = await store.count_aliases(connection)
        largest = await store.largest(connection, asked.limit)
        contents: dict[str, list[AnyRow]] = {}
        for row in await store.names_of(connection, [row.about for row in largest]):
            contents.setdefault(row.about, []).append(row)
    by_alias = [_waiting(row, contents.get(row.about, [])) for row in largest]
    return Unassigned(events=sum(one.events for one in by_name), by_name=by_name, aliases=aliases, by_alias=by_alias)


def _waiting(row: AnyRow, contents: list[AnyRow]) -> Waiting:
    also = [alias for one in contents for alias in msgspec.json.decode(one.record, type=_Came).via]
    return Waiting.of(
        row,
        alias=row.about,
        also=list(dict.fromkeys(also)),
        names=list(dict.fromkeys(one.name for one in contents)),
        sources=list(dict.fromkeys(one.source for one in contents)),
    )
