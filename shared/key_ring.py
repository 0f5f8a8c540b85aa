"""Who holds a presented key: asked of the database, remembered for seconds, and for longer while the database is away.

A key revoked is refused within 5 s: what was found is asked again after 3 s, and an answer takes at most 1 s. While the database
does not answer, keys that were seen go on working, so that events keep coming in; others are unknown, and that is said as such.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.away import DATABASE_AWAY
from shared.db.database import reading
from shared.db.key_store import find_by_hash, stated_origins
from shared.keys import ApiKey, given_key, hash_key, read_secret, well_formed
from shared.settings import Settings

FRESH_SECONDS = 3.0
ANSWER_SECONDS = 1.0
_REMEMBERED = 10_000

Find = Callable[[bytes], Awaitable[ApiKey | None]]
FindOrigins = Callable[[], Awaitable[frozenset[str]]]

_log = structlog.get_logger()


class KeysUnavailable(Exception):
    """The keys cannot be asked for now, and this one was not seen before. Nothing is known about it: try again."""


async def no_origins() -> frozenset[str]:
    """The origins that keys state where there are none in a database."""
    return frozenset()


class KeyRing:
    """Keys by their hash. `given` are keys that need no database; `monotonic` tells seconds that never go backwards."""

    def __init__(
        self,
        secret: bytes,
        find: Find,
        given: Mapping[str, ApiKey] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        find_origins: FindOrigins = no_origins,
    ) -> None:
        self._secret = secret
        self._find = find
        self._given = {hash_key(text, secret): key for text, key in (given or {}).items()}
        self._monotonic = monotonic
        # What was found, and until when it counts without asking again; the least recently used goes first.
        self._seen: OrderedDict[bytes, tuple[ApiKey | None, float]] = OrderedDict()
        self._find_origins = find_origins
        self._given_origins = frozenset(origin for key in self._given.values() for origin in key.origins)
        self._origins: frozenset[str] | None = None
        self._origins_until = float("-inf")
        self._asking: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    async def holder(self, presented: str) -> ApiKey | None:
        """What is known of the key, None when it is no key of ours (any more).

        Raises KeysUnavailable: the database does not answer, and the key was not seen since this process began.
        """
        hashed = hash_key(presented, self._secret)
        given = self._given.get(hashed)
        if given is not None:
            return given
        if not well_formed(presented):
            return None
        seen = self._seen.get(hashed)
        if seen is not None and self._monotonic() < seen[1]:
            self._seen.move_to_end(hashed)
            return seen[0]
        # All that present the same key at once wait for one answer; who goes away does not take it from the others.
        asking = self._asking.get(hashed)
        if asking is None:
            asking = asyncio.create_task(self._ask(hashed))
            self._asking[hashed] = asking
            asking.add_done_callback(partial(self._answered, hashed))
        return await asyncio.shield(asking)

    async def any_states(self, origin: str) -> bool:
        """Whether there is a key for web pages of this origin.

        Raises KeysUnavailable: the database does not answer, and has not since this process began.
        """
        if origin in self._given_origins:
            return True
        if self._origins is None or self._monotonic() >= self._origins_until:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    self._origins = await self._find_origins()
            except DATABASE_AWAY as error:
                _log.warning("keys.unavailable", error=type(error).__name__)
                if self._origins is None:
                    raise KeysUnavailable from error
            self._origins_until = self._monotonic() + FRESH_SECONDS
        return origin in self._origins

    async def _ask(self, hashed: bytes) -> ApiKey | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                key = await self._find(hashed)
        except DATABASE_AWAY as error:
            _log.warning("keys.unavailable", error=type(error).__name__)
            if hashed not in self._seen or self._seen[hashed][0] is None:
                raise KeysUnavailable from error
            key = self._seen[hashed][0]
        self._remember(hashed, key)
        return key

    def _answered(self, hashed: bytes, asking: asyncio.Task[ApiKey | None]) -> None:
        del self._asking[hashed]
        if not asking.cancelled():
            asking.exception()  # those who wait have it; if all went away, it is not worth a warning

    def _remember(self, hashed: bytes, key: ApiKey | None) -> None:
        self._seen[hashed] = (key, self._monotonic() + FRESH_SECONDS)
        self._seen.move_to_end(hashed)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def keys_in(database: AsyncEngine) -> Find:
    """Look keys up in this database."""

    async def find(hashed: bytes) -> ApiKey | None:
        async with reading(database) as connection:
            return await find_by_hash(connection, hashed)

    return find


def origins_in(database: AsyncEngine) -> FindOrigins:
    """Look up in this database which web pages may send."""

    async def find() -> frozenset[str]:
        async with reading(database) as connection:
            return await stated_origins(connection)

    return find


def open_key_ring(settings: Settings, database: AsyncEngine, given: Mapping[str, ApiKey] | None = None) -> KeyRing:
    """The keys of this deployment: those in the database, SUCCESSPLAYS_WRITE_KEY, and `given`."""
    all_given = dict(given or {})
    if settings.write_key is not None:
        all_given[settings.write_key.get_secret_value()] = given_key("write")
    return KeyRing(read_secret(settings), keys_in(database), all_given, find_origins=origins_in(database))
