"""`/api/v1/deliveries`: each step on its way to a tool, its attempts, and another try."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Admin, Reader
from services.console.paging import AnyRow, Page
from services.console.parts import Given
from services.console.refusals import CONFLICT, NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from services.console.store import deliveries as store
from services.console.store import mutes
from shared.db.database import reading
from shared.instants import show_instant

_logger = structlog.get_logger()

router = APIRouter(prefix="/deliveries", tags=["deliveries"])


class Delivery(Shown):
    """One step of one run on its way to one destination. `attempt` counts the tries; `reason` says why it is where it is."""

    delivery_id: str
    run_id: str
    step: str
    kind: str
    destination: str | None
    play: str
    account_id: str
    state: str
    due_at: Moment
    attempt: int
    external_id: str | None
    reason: str | None
    created_at: Moment
    finished_at: Moment | None


class Attempt(Shown):
    """One try: its outcome, and as much of the answer as was kept, secrets masked."""

    attempt: int
    started_at: Moment
    finished_at: Moment
    outcome: str
    status: int | None
    reason: str | None
    response: str | None


class DeliveryInFull(Delivery):
    """A delivery with every try."""

    attempts: list[Attempt]


@router.get("")
async def list_deliveries(parts: Given, _: Reader, asked: Annotated[store.DeliveriesAsked, Query()]) -> Page[Delivery]:
    """Deliveries, the newest first."""
    async with reading(parts.database) as connection:
        rows, following = await store.list_deliveries(connection, asked)
    return Page(items=[Delivery.of(row) for row in rows], next=following)


@router.get("/{delivery_id}", responses=NOT_FOUND)
async def show_delivery(delivery_id: str, parts: Given, _: Reader) -> DeliveryInFull:
    """One delivery with every try."""
    async with reading(parts.database) as connection:
        row = await _found(connection, delivery_id)
        attempts = [Attempt.of(attempt) for attempt in await store.attempts_of(connection, delivery_id)]
    return DeliveryInFull.of(row, attempts=attempts)


@router.post("/{delivery_id}/retry", responses={**NOT_FOUND, **CONFLICT})
async def retry_delivery(delivery_id: str, parts: Given, caller: Admin) -> Delivery:
    """Try a delivery again that was given up (`dead`) or held."""
    async with parts.database.begin() as connection:
        row = await _found(connection, delivery_id)
        if not await store.retry(connection, delivery_id, parts.clock()):
            raise Refused(
                409, "delivery_not_given_up", f"delivery {delivery_id} is {row.state}; only dead or held ones are retried"
            )
        _logger.info("delivery.retried", delivery_id=delivery_id, by=caller.name)
        return Delivery.of(await _found(connection, delivery_id))


@router.post("/{delivery_id}/release", responses={**NOT_FOUND, **CONFLICT})
async def release_delivery(delivery_id: str, parts: Given, caller: Admin) -> Delivery:
    """Let a held delivery go out now. What a mute holds goes out when the mute is lifted."""
    async with parts.database.begin() as connection:
        row = await _found(connection, delivery_id)
        if (until := await mutes.muted_until(connection, row.account_id, parts.clock())) is not None:
            detail = f"account {row.account_id} is muted until {show_instant(until)}: lift the mute, and it goes out"
            raise Refused(409, "account_muted", detail)
        if not await store.release(connection, delivery_id, parts.clock()):
            raise Refused(409, "delivery_not_held", f"delivery {delivery_id} is {row.state}; only held ones are released")
        _logger.info("delivery.released", delivery_id=delivery_id, by=caller.name)
        return Delivery.of(await _found(connection, delivery_id))


@router.post("/{delivery_id}/drop", responses={**NOT_FOUND, **CONFLICT})
async def drop_delivery(delivery_id: str, parts: Given, caller: Admin) -> Delivery:
    """Let a held delivery never go out; the later steps of its run do not either."""
    async with parts.database.begin() as connection:
        row = await _found(connection, delivery_id)
        if not await store.drop(connection, delivery_id, f"dropped by {caller.name}", parts.clock()):
            raise Refused(409, "delivery_not_held", f"delivery {delivery_id} is {row.state}; only held ones are dropped")
        _logger.info("delivery.dropped", delivery_id=delivery_id, by=caller.name)
        return Delivery.of(await _found(connection, delivery_id))


async def _found(connection: AsyncConnection, delivery_id: str) -> AnyRow:
    row = await store.one_delivery(connection, delivery_id)
    if row is None:
        raise missing("delivery", delivery_id)
    return row
