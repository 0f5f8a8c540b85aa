"""What a deployment has stored: looked into only to know when there is nothing left to do, and to export its history."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg

from tests.acceptance.waiting import eventually

PARTITIONS = 4
# Events, deadlines that have passed and are not taken, records not yet in the log, runs without a delivery, deliveries that are
# not at their end.
_STATE = """
SELECT (SELECT count(*) FROM event),
       (SELECT count(*) FROM subject
          JOIN "partition" ON topic = 'events' AND "partition"."partition" = subject."partition" WHERE next_deadline < at),
       (SELECT count(*) FROM outbox),
       (SELECT count(*) FROM run WHERE run_id NOT IN (SELECT run_id FROM delivery)),
       (SELECT count(*) FROM delivery WHERE state NOT IN ('delivered', 'stopped'))
"""


class Stored:
    """`database` is the file of a SQLite database, or the URL of one in PostgreSQL."""

    def __init__(self, database: Path | str) -> None:
        self._database = database

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if isinstance(self._database, str):
            return [tuple(row) for row in asyncio.run(_fetch(self._database, query))]
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def ids(self, name: str = "%") -> list[str]:
        """The ids of all events, or of those of one name."""
        return [event_id for (event_id,) in self.rows(f"SELECT id FROM event WHERE name LIKE '{name}'")]

    def wait_until_done(self, events: int, within: float = 60) -> None:
        """Wait until so many events are stored and all that came of them is done."""
        seen: list[tuple[Any, ...]] = []

        def done() -> bool:
            seen[:] = self.rows(_STATE)
            return seen == [(events, 0, 0, 0, 0)]

        try:
            eventually(done, f"{events} events, and nothing left to do", within)
        except AssertionError as error:
            error.add_note(f"events, deadlines, outbox, runs without a delivery, deliveries under way: {seen}")
            raise

    def epochs(self, topic: str) -> dict[int, int]:
        """How often each partition of a topic was taken by a worker."""
        rows = self.rows(f"""SELECT "partition", epoch FROM "partition" WHERE topic = '{topic}'""")
        return {int(partition): int(epoch) for partition, epoch in rows}

    def wait_until_taken(self, topic: str, before: dict[int, int]) -> None:
        """Wait until a worker has taken every partition of the topic anew."""

        def taken() -> bool:
            now = self.epochs(topic)
            return all(now.get(number, 0) > before.get(number, 0) for number in range(PARTITIONS))

        eventually(taken, f"the partitions of {topic} are taken")


async def _fetch(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()
