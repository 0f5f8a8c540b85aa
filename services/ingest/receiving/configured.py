"""The sources of the applied workspace. Their settings are asked of the database and remembered, as keys are.

A secret that was changed counts within 5 s. While the database is away the sources that were seen go on working.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.sources.contract import Source, SourceSettings, sources
from shared.db.away import DATABASE_AWAY
from shared.db.database import reading
from shared.db.workspace_store import newest_workspace
from shared.records import JsonObject

FRESH_SECONDS = 3.0
ANSWER_SECONDS = 1.0
# Before anything was seen.
AGAIN_SECONDS = 0.5

# The workspace's version and document, when it is newer than the version that is known.
Newest = Callable[[int], Awaitable[tuple[int, JsonObject] | None]]

_log = structlog.get_logger(service="ingest")


class SourcesUnavailable(Exception):
    """The workspace cannot be asked for now, and was not seen before."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A source of the workspace, by the name that it has there."""

    name: str
    source: Source
    settings: SourceSettings


@dataclass(frozen=True, slots=True)
class _Seen:
    version: int = 0
    sources: Mapping[str, Configured] = field(default_factory=dict)


class ConfiguredSources:
    """The sources by name. `monotonic` tells seconds that never go backwards."""

    def __init__(self, newest: Newest, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._newest = newest
        self._monotonic = monotonic
        self._seen: _Seen | None = None
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def named(self, name: str) -> Configured | None:
        """The source of this name, None when the workspace has none. Raises SourcesUnavailable, before the first one too."""
        found = (await self.all()).get(name)
        # What a workspace that is on its way will say is not known: a vendor has to come again.
        if self._seen is None or self._seen.version == 0:
            raise SourcesUnavailable
        return found

    async def all(self) -> Mapping[str, Configured]:
        """Every source by its name. Raises SourcesUnavailable."""
        async with self._asking:
            if self._monotonic() >= self._fresh_until:
                await self._ask()
        if self._seen is None:
            raise SourcesUnavailable
        return self._seen.sources

    async def _ask(self) -> None:
        known = 0 if self._seen is None else self._seen.version
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                newer = await self._newest(known)
        except DATABASE_AWAY as error:
            _log.warning("sources.unavailable", error=type(error).__name__)
            # Nobody waits for it again so soon: what was seen goes on.
            self._fresh_until = self._monotonic() + (AGAIN_SECONDS if self._seen is None else FRESH_SECONDS)
            return
        if newer is not None:
            self._seen = _Seen(newer[0], parse_sources(newer[1]))
        elif self._seen is None:
            self._seen = _Seen()
        self._fresh_until = self._monotonic() + FRESH_SECONDS


def sources_in(database: AsyncEngine) -> Newest:
    """The workspace that was applied in this database."""

    async def newest(known: int) -> tuple[int, JsonObject] | None:
        async with reading(database) as connection:
            return await newest_workspace(connection, known)

    return newest


def parse_sources(document: JsonObject) -> dict[str, Configured]:
    """The sources of a workspace's document. One that an older version let through and this one does not is left out."""
    found = {}
    for name, entry in (document.get("sources") or {}).items():
        try:
            found[name] = _configured(name, entry)
        except (KeyError, ValidationError) as error:
            _log.error("sources.unusable", source=name, error=type(error).__name__)
    return found


def _configured(name: str, entry: Any) -> Configured:
    source = sources()[str(entry.get("kind") or name)]
    return Configured(name, source, source.settings.model_validate(entry))
