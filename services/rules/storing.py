"""The one transaction of a batch: it begins while the engine decides, since which events are new is known before.

    begin ─► the fence, the new events ─┐
    the engine decides ─────────────────┴─► all that it decided ─► commit

So the database works while the engine does. Nothing of it counts before the commit; giving it up rolls all of it back.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Part = Callable[[AsyncConnection], Awaitable[None]]

# Seconds for which a transaction waits for the engine; then it is rolled back, and all of it is stored when the engine is done.
# A server ends a transaction that is idle for long, and on SQLite nobody else writes meanwhile.
PATIENCE = 5.0
# A worker that comes to a stop within it keeps those who take its partitions waiting no longer than that.
_SHORTLY = text("SET LOCAL idle_in_transaction_session_timeout = '20s'")


class Storing:
    """A transaction that has begun with its first part and waits for the rest. It is ended once: by `end` or by `give_up`."""

    def __init__(self, database: AsyncEngine, first: Part, patience: float = PATIENCE) -> None:
        self._database = database
        self._first = first
        self._patience = patience
        self._rest: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
        self._stored = asyncio.create_task(self._store())

    async def end(self, rest: Part) -> None:
        """Store the rest, too, and commit.

        Raises what either part or the database raises; then nothing is stored, or it is not known.
        """
        self._rest.set_result(rest)
        await self._stored

    async def give_up(self) -> None:
        """Roll it back."""
        self._stored.cancel()
        await asyncio.gather(self._stored, return_exceptions=True)

    async def _store(self) -> None:
        async with self._database.connect() as connection, connection.begin() as transaction:
            if connection.dialect.name == "postgresql":
                await connection.execute(_SHORTLY)
            await self._first(connection)
            await asyncio.wait({self._rest}, timeout=self._patience)
            if self._rest.done():
                await self._rest.result()(connection)
                return
            await transaction.rollback()
        rest = await self._rest
        async with self._database.begin() as connection:
            await self._first(connection)
            await rest(connection)
