"""The applied workspace as deliveries need it: destinations, people, and which destinations are paused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.actions import store
from services.actions.connectors.contract import Connector, DestinationSettings, connectors, secret_references
from services.actions.rendering import People
from shared.db.database import reading
from shared.db.workspace_store import newest_workspace
from shared.outbound.outcomes import Hold
from shared.records import JsonObject
from shared.secrets import SecretMissing, read_secret

INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination that can be sent to."""

    name: str
    connector: Connector
    settings: DestinationSettings


@dataclass(frozen=True, slots=True)
class Workspace:
    """One version of it, and the destinations' states. `usable` answers whether a delivery can go out now."""

    version: int = 0
    destinations: Mapping[str, Destination | str] = field(default_factory=dict)
    people: People = field(default_factory=People)
    states: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)

    def usable(self, name: str) -> Destination | Hold:
        """The destination, or why nothing can go to it. Every reason begins with `destination`: by that it is released again."""
        state, reason = self.states.get(name, ("active", None))
        if state != "active":
            return Hold(f"destination {name} is {state}: {reason or 'by a person'}")
        found = self.destinations.get(name)
        if found is None:
            return Hold(f"destination {name} is not in successplays.yaml")
        if isinstance(found, str):
            return Hold(f"destination {name}: {found}")
        try:
            for reference in secret_references(found.settings):
                read_secret(reference)
        except SecretMissing as missing:
            return Hold(f"destination {name}: {missing}")
        return found


async def read_workspace(database: AsyncEngine, known: Workspace) -> Workspace:
    """The workspace as it is now: its document is read only when it is newer than the one that is known."""
    async with reading(database) as connection:
        newer = await newest_workspace(connection, known.version)
        states = await store.destination_states(connection)
    if newer is None and known.version == 0 and not known.destinations:
        newer = (0, {})
    if newer is None:
        return Workspace(known.version, known.destinations, known.people, states)
    version, document = newer
    return Workspace(version, parse_destinations(document), _people(document), states)


def parse_destinations(document: JsonObject) -> dict[str, Destination | str]:
    """Each destination of a workspace's document, or what is wrong with it; `inbox` is always there."""
    entries = {**(document.get("destinations") or {}), INBOX: {"kind": INBOX}}
    return {name: _destination(name, entry) for name, entry in entries.items()}


def _destination(name: str, entry: Any) -> Destination | str:
    kind = entry.get("kind") if isinstance(entry, dict) else None
    connector = connectors().get(str(kind))
    if connector is None:
        return f"there is no kind {kind!r}"
    try:
        return Destination(name, connector, connector.settings.model_validate(entry))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _people(document: JsonObject) -> People:
    defaults = document.get("defaults") or {}
    return People(document.get("people") or {}, document.get("teams") or {}, str(defaults.get("timezone") or "UTC"))
