"""A story lived through by real workers on a real log and a real database, with whatever trouble comes."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.catalog import decode_catalog
from services.rules.worker import Bounds, Worker
from shared.clock import wall_clock
from shared.db import tables
from shared.log import open_log
from shared.log.contract import Entry, Log
from shared.records import Event, Tick, decode_runs_record, encode
from shared.settings import Settings
from shared.topics import EVENTS
from tests.conftest import opened
from tests.determinism.story import Outcome, Story, published
from tests.determinism.trouble import Crash, Fate, FatedLog, Trouble

PATIENCE = 60.0


class Life(NamedTuple):
    """How a story is lived through: each life of a worker takes the next of `bounds`, in a circle.

    The log is told in `pieces`, each once the one before was taken. More `workers` share the partitions, and come and go.
    """

    partitions: int = 1
    bounds: Sequence[Bounds] = (Bounds(poll=0.01, pause=0.001, longest_pause=0.005),)
    troubles: Sequence[Trouble] = ()
    pieces: int = 1
    workers: int = 1


def bounds(records: int, due: int, warm: int, documents: int) -> Bounds:
    """Bounds of a worker that loses no time."""
    return Bounds(records, due, warm, documents, poll=0.005, pause=0.001, longest_pause=0.005, without_log=5.0)


async def lived(story: Story, settings: Settings, life: Life) -> Outcome:
    """Live through it. `settings` name a fresh log and a fresh database."""
    fate = Fate(life.troubles)
    replayed = settings.model_copy(update={"replay": True, "partitions": life.partitions})
    async with opened(replayed) as database, opened(replayed) as watched:
        log = await open_log(replayed, wall_clock)
        try:
            fate.rules(database)
            fated = FatedLog(log, fate)
            world = _World(database, watched, fated, life)
            entries = _entries(story, life.partitions)
            size = -(-len(entries) // life.pieces)
            for place in range(0, len(entries), size):
                await world.tell(log, entries[place : place + size])
                await world.live()
            return await _outcome(watched, fated)
        finally:
            await log.close()


def _entries(story: Story, partitions: int) -> list[Entry]:
    """The records; at the end a tick in each partition, so that time passes the last deadline."""
    entries: list[Entry] = []
    for at, record in story.records:
        if isinstance(record, Event):
            entries.append(Entry(record.account_id or "", encode(record), at=at))
        else:
            entries += [Entry("", encode(record), partition, at) for partition in range(partitions)]
    return entries + [Entry("", encode(Tick()), partition, story.until + 1) for partition in range(partitions)]


class _World:
    def __init__(self, database: AsyncEngine, watched: AsyncEngine, log: FatedLog, life: Life) -> None:
        self._database = database
        self._watched = watched
        self._log = log
        self._workers = life.workers
        self._bounds = cycle(life.bounds)
        self._ends: dict[int, int] = {}

    async def tell(self, log: Log, entries: Sequence[Entry]) -> None:
        for partition, offset in await log.append(EVENTS, entries):
            self._ends[partition] = offset + 1

    async def live(self) -> None:
        """Let workers work, one life after the other, until everything is taken."""
        stop = asyncio.Event()
        # One after the other joins the group, and leaves it when all is done or it crashes: partitions are dealt anew each time.
        working = [asyncio.create_task(self._keep_working(stop, place * 0.02)) for place in range(self._workers)]
        try:
            deadline = asyncio.get_running_loop().time() + PATIENCE
            while not await settled(self._watched, self._ends):
                for one in working:
                    if one.done():
                        one.result()
                assert asyncio.get_running_loop().time() < deadline, "it never ends"
                await asyncio.sleep(0.005)
        finally:
            stop.set()
            await asyncio.gather(*working)

    async def _keep_working(self, stop: asyncio.Event, after: float) -> None:
        await asyncio.sleep(after)
        while not stop.is_set():
            with suppress(Crash):
                await Worker(self._database, self._log, wall_clock, stop, bounds=next(self._bounds)).run()


async def settled(database: AsyncEngine, ends: Mapping[int, int]) -> bool:
    """Whether all up to the ends of the partitions is taken: records, deadlines, accounts to bring to plays, the outbox."""
    async with database.begin() as connection:
        found = (await connection.execute(select(tables.partition))).all()
        at = {row.partition: row.at for row in found if row.next_offset >= ends.get(row.partition, 0)}
        if not ends.keys() <= at.keys() or any(decode_catalog(row.plays).warming for row in found):
            return False
        if (await connection.execute(select(tables.outbox.c.id).limit(1))).first() is not None:
            return False
        subject = tables.subject.c
        deadlines = await connection.execute(select(subject.partition, subject.next_deadline))
        return all(deadline is None or deadline >= at[partition] for partition, deadline in deadlines)


async def _outcome(database: AsyncEngine, log: FatedLog) -> Outcome:
    async with database.begin() as connection:
        assert (await connection.execute(select(tables.dead_letter.c.origin, tables.dead_letter.c.reason))).all() == []
        runs, decisions, subjects = [
            (await connection.execute(select(table))).all() for table in (tables.run, tables.decision, tables.subject)
        ]
        activations = (await connection.execute(select(tables.activation))).all()
    already: Counter[str] = Counter()
    for row in activations:
        assert row.complete
        if row.already:
            already[row.play] += row.already
    return Outcome(
        {
            row.run_id: (
                *(row.play, row.version, row.account_id, row.subject, row.user_id, row.opened_at, row.arm, row.evidence),
                *(row.resolved_at, row.resolution, row.goal_at, row.goal),
            )
            for row in runs
        },
        {
            row.decision_id: (row.play, row.version, row.account_id, row.subject, row.at, row.reason, row.detail)
            for row in decisions
        },
        published(decode_runs_record(value) for value in log.runs),
        {(row.account_id, row.kind, row.value): _document(row) for row in subjects},
        dict(already),
    )


def _document(row: Any) -> Any:
    document = msgspec.json.decode(row.document)
    assert document.get("next_deadline") == row.next_deadline
    return document
