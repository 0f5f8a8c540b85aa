"""A company whose ops team edits its plays: the console's apply, the log, a rules worker and the database, day by day.

    await company.apply(0, QUIET)
    await company.hears("user.login", 1)
    assert await company.runs(until=30) == [("quiet", 15, None, None)]

Days are counted from START of `tests.rules.timeline`, a Thursday midnight in UTC. The log is opened for replay, so that every
record has the time that the test gives it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from ruamel.yaml import YAML
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.check import check
from services.console.apply import apply, set_paused
from services.console.outbox import Publisher
from services.console.parts import Parts
from services.console.promote import promote
from services.console.store import plays as listed
from services.rules.explaining import explain_play
from services.rules.worker import Bounds, Worker
from shared.clock import wall_clock
from shared.db import tables
from shared.key_ring import KeyRing, keys_in
from shared.log.contract import Entry, Log
from shared.records import JsonObject, Tick, encode
from shared.topics import EVENTS
from tests.determinism.lived import settled
from tests.determinism.trouble import Fate, FatedLog
from tests.rules.timeline import at, day_of, event

PATIENCE = 30.0


class Company:
    """What happens on which day, and what came of it."""

    def __init__(self, database: AsyncEngine, log: Log) -> None:
        self._database = database
        self.log = FatedLog(log, Fate())
        publisher = Publisher(database, self.log)
        keys = KeyRing(b"of this test", keys_in(database))
        self._parts = Parts(database, self.log, check, explain_play, wall_clock, keys, b"of this test", publisher)

    async def apply(self, day: float, *plays: str) -> dict[str, str]:
        """Apply these files; what it changed."""
        files = {f"plays/{YAML(typ='safe', pure=True).load(text)['play']}.yaml": text for text in plays}
        checked = check(files)
        assert checked.problems == []
        outcome = await apply(self._parts, checked, "ops", at=at(day))
        return {change.play: change.change for change in outcome.plays}

    async def pause(self, day: float, play: str) -> None:
        await set_paused(self._parts, play, True, at(day))

    async def promote(self, day: float, play: str, **given: str) -> None:
        await promote(self._parts, play, given, "ops", at(day))

    async def resume(self, day: float, play: str) -> None:
        await set_paused(self._parts, play, False, at(day))

    async def hears(self, name: str, day: float, account: str = "acme", **more: Any) -> None:
        record = event(name, day, account=account, **more)
        await self.log.append(EVENTS, [Entry(account, encode(record), at=at(day))])

    async def comes_to(self, day: float) -> None:
        """Let time pass until all of that day's first instant is done, its deadlines included."""
        count = await self.log.partitions(EVENTS)
        ticks = [Entry("", encode(Tick()), partition, at(day) + 1) for partition in range(count)]
        ends = {partition: offset + 1 for partition, offset in await self.log.append(EVENTS, ticks)}
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await settled(self._database, ends):
            assert asyncio.get_running_loop().time() < deadline, f"day {day} never comes"
            await asyncio.sleep(0.005)

    async def runs(self, until: float) -> list[tuple[str, float, float | None, str | None]]:
        """Each run as (play, day it opened, day it resolved, why), once that day has come."""
        await self.comes_to(until)
        rows = await self.rows(tables.run)
        return sorted(
            (row["play"], day_of(row["opened_at"]), row["resolved_at"] and day_of(row["resolved_at"]), row["resolution"])
            for row in rows
        )

    async def decisions(self, until: float) -> list[tuple[str, float, str]]:
        """Each decision as (play, day, reason), once that day has come."""
        await self.comes_to(until)
        return sorted((row["play"], day_of(row["at"]), row["reason"]) for row in await self.rows(tables.decision))

    async def plays(self) -> dict[str, JsonObject]:
        """What the listing says of each play: version, paused, archived, for how many it was true already."""
        partitions = await self.log.partitions(EVENTS)
        async with self._database.begin() as connection:
            already = await listed.already_true(connection, partitions)
            rows = await listed.all_plays(connection)
        return {
            row.play: {
                "version": row.version,
                "paused": row.paused,
                "promoted": row.promoted is not None,
                "archived": row.archived,
                "document": msgspec.json.decode(row.document),
                "already_true": already.get((row.play, row.version)),
            }
            for row in rows
        }

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        async with self._database.begin() as connection:
            return [dict(row._mapping) for row in await connection.execute(select(table))]

    @asynccontextmanager
    async def working(self, bounds: Bounds) -> AsyncIterator[None]:
        """While a rules worker works."""
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(self._database, self.log, wall_clock, stop, bounds=bounds).run())
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)
