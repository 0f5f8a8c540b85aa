"""`/api/v1/dead-letters`: what was given up, and why; put back on its way, or discarded."""

from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Admin, Reader
from services.console.outbox import keep_as_read
from services.console.paging import AnyRow, Page
from services.console.parts import Given
from services.console.refusals import CONFLICT, NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from services.console.store import deliveries as store
from shared.db.database import reading
from shared.instants import Instant
from shared.topics import ALL

_logger = structlog.get_logger()

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])


class DeadLetter(Shown):
    """A record or a notification (`origin` is `events/PARTITION/OFFSET`) or a delivery (`origin` is its id) that was given up.

    `value` is what it held: JSON where it is JSON, else text with what is not UTF-8 replaced.
    """

    dead_letter_id: str
    kind: str
    origin: str
    reason: str
    value: Any
    created_at: Moment
    redriven_at: Moment | None
    discarded_at: Moment | None


@router.get("")
async def list_dead_letters(parts: Given, _: Reader, asked: Annotated[store.DeadLettersAsked, Query()]) -> Page[DeadLetter]:
    """Dead letters, the newest first; with `everything` also those that were redriven or discarded."""
    async with reading(parts.database) as connection:
        rows, following = await store.list_dead_letters(connection, asked)
    return Page(items=[_shown(row) for row in rows], next=following)


@router.post("/{dead_letter_id}/redrive", responses={**NOT_FOUND, **CONFLICT})
async def redrive_dead_letter(dead_letter_id: str, parts: Given, caller: Admin) -> DeadLetter:
    """Put it back on its way: a record or a notification at the end of its partition, a delivery to its destination."""
    async with parts.database.begin() as connection:
        row = await _open(connection, dead_letter_id)
        await _redrive(connection, row, parts.clock())
        answer = _shown(await _found(connection, dead_letter_id))
    _logger.info("dead_letter.redriven", dead_letter_id=dead_letter_id, origin=row.origin, by=caller.name)
    await parts.publisher.publish()
    return answer


@router.post("/{dead_letter_id}/discard", responses={**NOT_FOUND, **CONFLICT})
async def discard_dead_letter(dead_letter_id: str, parts: Given, caller: Admin) -> DeadLetter:
    """Give it up for good. It stays readable, with `everything`."""
    async with parts.database.begin() as connection:
        row = await _open(connection, dead_letter_id)
        await store.mark_dead_letter(connection, dead_letter_id, "discarded_at", parts.clock())
        _logger.info("dead_letter.discarded", dead_letter_id=dead_letter_id, origin=row.origin, by=caller.name)
        return _shown(await _found(connection, dead_letter_id))


async def _redrive(connection: AsyncConnection, letter: AnyRow, at: Instant) -> None:
    if letter.kind == "delivery":
        if not await store.retry(connection, letter.origin, at):
            raise Refused(409, "delivery_not_given_up", f"delivery {letter.origin} is not dead or held any more")
    else:
        topic, _, rest = letter.origin.partition("/")
        partition = rest.partition("/")[0]
        if topic not in ALL or not partition.isdecimal() or not letter.value:
            raise Refused(409, "not_a_record", f"{letter.origin} is no record that could be appended again; it can be discarded")
        await keep_as_read(connection, topic, int(partition), _key_of(letter.value), letter.value)
    await store.mark_dead_letter(connection, letter.dead_letter_id, "redriven_at", at)


def _key_of(value: bytes) -> str:
    # The partition is given, so the key decides nothing: it only tells readers of the topic whom the record is about.
    try:
        record = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(record.get("account_id") or record.get("about") or "") if isinstance(record, dict) else ""


async def _open(connection: AsyncConnection, dead_letter_id: str) -> AnyRow:
    row = await _found(connection, dead_letter_id)
    for what, at in (("redriven", row.redriven_at), ("discarded", row.discarded_at)):
        if at is not None:
            raise Refused(409, "dead_letter_closed", f"dead letter {dead_letter_id} was {what} already")
    return row


async def _found(connection: AsyncConnection, dead_letter_id: str) -> AnyRow:
    row = await store.one_dead_letter(connection, dead_letter_id)
    if row is None:
        raise missing("dead letter", dead_letter_id)
    return row


def _shown(row: AnyRow) -> DeadLetter:
    try:
        value = msgspec.json.decode(row.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = bytes(row.value).decode(errors="replace")
    return DeadLetter.of(row, value=value)
