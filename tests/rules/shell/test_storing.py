"""The transaction of a batch begins before it is known what else goes into it, and it is one all the same."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.rules import bulk
from services.rules.storing import Part, Storing
from shared.db import tables
from shared.db.database import reading
from tests.conftest import make_settings, opened

USERS = ("account_id", "user_id", "traits")


def adding(name: str) -> Part:
    async def add(connection: AsyncConnection) -> None:
        await bulk.insert(connection, tables.account_user, USERS, [("acme", name, "{}")])

    return add


async def refusing(_: AsyncConnection) -> None:
    raise LookupError("not this")


async def stored(database: AsyncEngine) -> set[str]:
    async with reading(database) as connection:
        return {row.user_id for row in await connection.execute(tables.account_user.select())}


async def test_both_parts_are_stored_at_once(database: AsyncEngine) -> None:
    storing = Storing(database, adding("first"))
    await asyncio.sleep(0.05)
    assert await stored(database) == set()
    await storing.end(adding("rest"))
    assert await stored(database) == {"first", "rest"}


async def test_who_waits_for_too_long_lets_others_write_and_is_stored_once(database: AsyncEngine) -> None:
    storing = Storing(database, adding("first"), patience=0.02)
    async with asyncio.timeout(10), database.begin() as connection:
        await asyncio.sleep(0.1)
        await adding("other")(connection)
    await storing.end(adding("rest"))
    assert await stored(database) == {"first", "rest", "other"}


async def test_a_worker_that_stops_in_it_does_not_hold_up_its_heirs_for_long(postgres_url: str) -> None:
    limits: list[str] = []

    async def look(connection: AsyncConnection) -> None:
        limits.append(str(await connection.scalar(text("SHOW idle_in_transaction_session_timeout"))))

    async with opened(make_settings(database_url=postgres_url)) as postgres:
        await Storing(postgres, look).end(look)
        async with postgres.begin() as connection:
            await look(connection)
    assert limits == ["20s", "20s", "1min"]


async def test_what_is_given_up_is_not_stored(database: AsyncEngine) -> None:
    for moment in (0, 0.05):
        storing = Storing(database, adding("first"))
        await asyncio.sleep(moment)
        await storing.give_up()
    assert await stored(database) == set()
    await Storing(database, adding("first")).end(adding("rest"))
    assert await stored(database) == {"first", "rest"}


@pytest.mark.parametrize("parts", [(refusing, adding("rest")), (adding("first"), refusing)])
async def test_what_either_part_raises_ends_both(database: AsyncEngine, parts: tuple[Part, Part]) -> None:
    storing = Storing(database, parts[0])
    await asyncio.sleep(0.05)
    with pytest.raises(LookupError):
        await storing.end(parts[1])
    assert await stored(database) == set()
