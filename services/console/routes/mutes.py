"""`/api/v1/mutes` and `/api/v1/accounts/{id}/mute`: quiet for an account until an instant."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.functional_validators import BeforeValidator

from services.console.access import Admin, Reader
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from services.console.store import accounts, mutes
from shared.db.database import reading
from shared.instants import Instant, parse_instant

MAX_MUTES = 1_000

_logger = structlog.get_logger()

router = APIRouter(tags=["accounts"])

GivenInstant = Annotated[Instant, BeforeValidator(lambda found: parse_instant(str(found)))]


class Mute(Shown):
    """An account for which nothing goes out: its runs open and resolve as ever, their deliveries are held."""

    account_id: str
    until: Moment
    reason: str
    muted_by: str
    muted_at: Moment


class Muting(BaseModel):
    """Until when (ISO 8601 with a zone), and why."""

    model_config = ConfigDict(extra="forbid")

    until: GivenInstant = Field(json_schema_extra={"type": "string", "format": "date-time"})
    reason: str = Field(min_length=1, max_length=500)


@router.get("/mutes")
async def list_mutes(parts: Given, _: Reader) -> list[Mute]:
    """The accounts that are muted now, at most a thousand, the mute that ends first before the others."""
    async with reading(parts.database) as connection:
        return [Mute.of(row) for row in await mutes.list_mutes(connection, parts.clock(), MAX_MUTES)]


@router.put("/accounts/{account_id}/mute", responses=NOT_FOUND)
async def mute_account(account_id: str, given: Muting, parts: Given, caller: Admin) -> Mute:
    """Hold every delivery of the account until then, but for those already on their way. It replaces an earlier mute."""
    now = parts.clock()
    if given.until <= now:
        raise Refused(400, "until_is_past", "until: a mute ends in the future; to end one, delete it")
    async with parts.database.begin() as connection:
        if await accounts.one_account(connection, account_id) is None:
            raise missing("account", account_id)
        await mutes.set_mute(connection, account_id, until=given.until, reason=given.reason, by=caller.name, now=now)
        _logger.info("account.muted", account_id=account_id, until=given.until, by=caller.name)
    return Mute(account_id=account_id, until=given.until, reason=given.reason, muted_by=caller.name, muted_at=now)


@router.delete("/accounts/{account_id}/mute", responses=NOT_FOUND, status_code=204)
async def lift_mute(account_id: str, parts: Given, caller: Admin) -> Response:
    """End the mute of an account; what it held goes out."""
    async with parts.database.begin() as connection:
        if not await mutes.lift_mute(connection, account_id, parts.clock()):
            raise Refused(404, "not_found", f"account {account_id} is not muted")
        _logger.info("account.mute_lifted", account_id=account_id, by=caller.name)
    return Response(status_code=204)
