"""A PostgreSQL that breaks down keeps what was committed and nothing else, and is used again when it is back."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Insert, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts import postgres
from scripts.postgres import Postgres
from shared.db.database import reading, upgrade
from shared.db.tables import destination_state
from tests.conftest import SettingsFor, opened


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres.start(durable=True) as running:
        yield running


@pytest.fixture
async def engine(server: Postgres, settings_for: SettingsFor) -> AsyncIterator[AsyncEngine]:
    settings = settings_for(database_url=server.url, database_schema="recovery")
    await upgrade(settings)
    async with opened(settings) as database:
        yield database


def pausing(destination: str) -> Insert:
    return insert(destination_state).values(destination=destination, state="paused", since=0)


async def paused(database: AsyncEngine) -> list[str]:
    async with reading(database) as connection:
        return sorted(await connection.scalars(select(destination_state.c.destination)))


async def test_a_transaction_that_was_under_way_is_gone_and_the_pool_recovers(server: Postgres, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(pausing("crm"))

    async def broken_off() -> None:
        async with engine.begin() as connection:
            await connection.execute(pausing("mail"))
            server.kill()

    with pytest.raises((SQLAlchemyError, OSError)):
        await broken_off()
    with pytest.raises((SQLAlchemyError, OSError)):
        await paused(engine)
    server.restart()
    assert await paused(engine) == ["crm"]


async def test_a_restart_between_two_transactions_is_not_noticed(server: Postgres, engine: AsyncEngine) -> None:
    before = await paused(engine)
    server.stop()
    server.restart()
    assert await paused(engine) == before
