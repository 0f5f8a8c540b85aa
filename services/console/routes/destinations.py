"""`/api/v1/destinations`: the tools of the workspace, and whether they take deliveries."""

import structlog
from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Admin, Reader
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, missing
from services.console.shown import Moment, Shown
from services.console.store import deliveries, plays
from shared.db.database import reading

# It always exists: a task list in our own database.
INBOX = "inbox"

_logger = structlog.get_logger()

router = APIRouter(prefix="/destinations", tags=["destinations"])


class Destination(Shown):
    """A configured tool. `state` is active, paused (it refused our secret) or disabled (it is gone)."""

    destination: str
    kind: str
    state: str
    reason: str | None
    since: Moment | None


class Destinations(Shown):
    """All destinations, by name."""

    items: list[Destination]


@router.get("")
async def list_destinations(parts: Given, _: Reader) -> Destinations:
    """Every destination of the workspace with its state."""
    async with reading(parts.database) as connection:
        return Destinations(items=await _all(connection))


@router.post("/{destination}/enable", responses=NOT_FOUND)
async def enable_destination(destination: str, parts: Given, caller: Admin) -> Destination:
    """Let a destination that is paused or disabled take deliveries again, what it is waiting for first."""
    async with parts.database.begin() as connection:
        if destination not in {known.destination for known in await _all(connection)}:
            raise missing("destination", destination)
        await deliveries.enable(connection, destination, parts.clock())
        _logger.info("destination.enabled", destination=destination, by=caller.name)
        return next(known for known in await _all(connection) if known.destination == destination)


async def _all(connection: AsyncConnection) -> list[Destination]:
    workspace = await plays.newest_workspace(connection)
    configured = {} if workspace is None else workspace.document.get("destinations", {})
    kinds = {INBOX: INBOX, **{name: str(settings.get("kind", "")) for name, settings in configured.items()}}
    states = await deliveries.destination_states(connection)
    return [
        Destination(
            destination=name,
            kind=kind,
            state=states[name].state if name in states else "active",
            reason=states[name].reason if name in states else None,
            since=states[name].since if name in states else None,
        )
        for name, kind in sorted(kinds.items())
    ]
