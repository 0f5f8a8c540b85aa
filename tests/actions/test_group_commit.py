"""Ends that are written together, with a database that comes and goes."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.actions.group_commit import GroupCommit, StaleLease
from services.actions.store import Leased
from shared.db.tables import destination_state
from shared.instants import MINUTE
from tests.actions.scene import MONDAY, SetClock


class ComesAndGoes:
    """A database that is away for so many transactions."""

    def __init__(self, database: AsyncEngine, away: int) -> None:
        self.database = database
        self.away = away
        self.transactions = 0

    def begin(self) -> Any:
        self.transactions += 1
        if self.transactions <= self.away:
            raise ConnectionRefusedError
        return self.database.begin()


def leased(number: int) -> Leased:
    return Leased(f"d{number}", f"r{number}", "0", "task", "inbox", 1, MONDAY, b"")


def writes(number: int) -> Any:
    async def end(connection: AsyncConnection) -> None:
        row = {"destination": f"d{number}", "state": "active", "since": 0}
        await connection.execute(destination_state.insert().values(**row))

    return end


async def stale(connection: AsyncConnection) -> None:
    raise StaleLease("d")


async def broken(connection: AsyncConnection) -> None:
    await connection.execute(update(destination_state).values(state="broken"))
    raise ValueError("a mistake of ours")


async def written(database: AsyncEngine) -> list[tuple[str, str]]:
    async with database.begin() as connection:
        rows = await connection.execute(select(destination_state.c.destination, destination_state.c.state))
        return sorted((row[0], row[1]) for row in rows)


def over(database: AsyncEngine, clock: SetClock, away: int = 0) -> tuple[GroupCommit, ComesAndGoes]:
    door = ComesAndGoes(database, away)
    return GroupCommit(door, clock), door  # type: ignore[arg-type]


async def test_ends_that_come_together_are_one_transaction(database: AsyncEngine) -> None:
    commit, door = over(database, SetClock())
    await asyncio.gather(*(commit.write(leased(number), writes(number), MONDAY + MINUTE) for number in range(5)))
    assert len(await written(database)) == 5
    assert door.transactions == 1


async def test_an_end_is_written_when_the_database_is_back(database: AsyncEngine) -> None:
    commit, door = over(database, SetClock(), away=2)
    await commit.write(leased(1), writes(1), MONDAY + MINUTE)
    assert await written(database) == [("d1", "active")]
    assert door.transactions == 3


async def test_an_end_whose_lease_has_run_out_meanwhile_is_let_go(database: AsyncEngine) -> None:
    clock = SetClock(MONDAY + MINUTE)
    commit, door = over(database, clock, away=1)
    await commit.write(leased(1), writes(1), MONDAY + MINUTE)
    assert await written(database) == []
    assert door.transactions == 1


async def test_a_stale_end_leaves_the_others_as_they_are(database: AsyncEngine) -> None:
    commit, _ = over(database, SetClock())
    ends = [commit.write(leased(1), writes(1), MONDAY + MINUTE), commit.write(leased(2), stale, MONDAY + MINUTE)]
    await asyncio.gather(*ends)
    assert await written(database) == [("d1", "active")]


async def test_an_end_that_cannot_be_written_fails_alone(database: AsyncEngine) -> None:
    commit, _ = over(database, SetClock())
    good = asyncio.create_task(commit.write(leased(1), writes(1), MONDAY + MINUTE))
    bad = asyncio.create_task(commit.write(leased(2), broken, MONDAY + MINUTE))
    await good
    with pytest.raises(ValueError, match="a mistake of ours"):
        await bad
    assert await written(database) == [("d1", "active")]
