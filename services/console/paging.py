"""Pages by cursor: what a listing is asked, what it answers, and where the next page begins."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Column, Row, Select, and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.refusals import Refused

Item = TypeVar("Item")
AnyRow = Row[*tuple[Any, ...]]
Rows = Sequence[AnyRow]


class Page(BaseModel, Generic[Item]):
    """Some items, newest first where they have a time. `next` goes into `?cursor=` for the page after; absent on the last one."""

    items: list[Item]
    next: str | None = None


class Asked(BaseModel):
    """What every listing may be asked."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=500, description="At most so many items.")
    cursor: str | None = Field(default=None, max_length=1_000, description="`next` of the page before.")


AskedPage = Annotated[Asked, Query()]


class Cursor(NamedTuple):
    """The last item that was shown: its time or name, and what tells it from others of the same."""

    first: int | str
    second: int | str = ""


def write_cursor(cursor: Cursor) -> str:
    """The cursor as opaque text that can stand in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str | None, first: type[int | str], second: type[int | str] = str) -> Cursor | None:
    """The cursor from a request; `first` and `second` are what this listing is ordered by.

    Raises:
        Refused: not one that we wrote for such a listing.
    """
    if text is None:
        return None
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise Refused(400, "bad_cursor", "cursor is not one that this listing gave") from None
    if not isinstance(cursor.first, first) or not isinstance(cursor.second, second):
        raise Refused(400, "bad_cursor", "cursor is not one that this listing gave")
    return cursor


async def newest_first(
    connection: AsyncConnection, query: Select[Any], at: Column[int], name: Column[str], asked: Asked
) -> tuple[Rows, str | None]:
    """One page of the query, by `at` and `name`, both descending; and the cursor of the next page if there is one."""
    after = read_cursor(asked.cursor, int)
    if after is not None:
        query = query.where(or_(at < after.first, and_(at == after.first, name < after.second)))
    # One more than asked for says whether there is a next page.
    rows = (await connection.execute(query.order_by(at.desc(), name.desc()).limit(asked.limit + 1))).all()
    if len(rows) <= asked.limit:
        return rows, None
    last = rows[asked.limit - 1]
    return rows[: asked.limit], write_cursor(Cursor(getattr(last, at.name), getattr(last, name.name)))


def matching(query: Select[Any], values: Mapping[Column[Any], Any]) -> Select[Any]:
    """The query where each column has its value; a column whose value is None is not asked about."""
    return query.where(*(column == value for column, value in values.items() if value is not None))
