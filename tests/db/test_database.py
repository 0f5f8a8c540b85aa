"""What `open_database` promises: which URLs it takes, and how its transactions behave under contention."""

import asyncio

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.database import DatabaseUrlInvalid, open_database, reading
from tests.conftest import SettingsFor, opened

COUNT_ONE_UP = text("UPDATE partition SET next_offset = next_offset + 1 WHERE topic = 'events'")
NEXT_OFFSET = text("SELECT next_offset FROM partition")


@pytest.fixture
async def counted(database: AsyncEngine) -> AsyncEngine:
    async with database.begin() as connection:
        await connection.execute(
            text("INSERT INTO partition (topic, partition, epoch, next_offset, at) VALUES ('events', 0, 1, 0, 0)")
        )
    return database


async def next_offset(database: AsyncEngine) -> int:
    async with reading(database) as connection:
        return int(await connection.scalar(NEXT_OFFSET) or 0)


async def test_writers_that_read_first_wait_for_each_other(counted: AsyncEngine) -> None:
    async def read_then_write() -> None:
        async with counted.begin() as connection:
            await connection.execute(NEXT_OFFSET)
            await connection.execute(COUNT_ONE_UP)

    await asyncio.gather(*(read_then_write() for _ in range(20)))
    assert await next_offset(counted) == 20


async def test_a_reader_does_not_wait_for_a_writer(counted: AsyncEngine) -> None:
    async with counted.begin() as connection:
        await connection.execute(COUNT_ONE_UP)
        assert await asyncio.wait_for(next_offset(counted), 5) == 0
    assert await next_offset(counted) == 1


async def test_a_reader_cannot_write(counted: AsyncEngine) -> None:
    async def write() -> None:
        async with reading(counted) as connection:
            await connection.execute(COUNT_ONE_UP)

    with pytest.raises(DBAPIError, match=r"read.?only"):
        await write()
    async with counted.begin() as connection:
        await connection.execute(COUNT_ONE_UP)
    assert await next_offset(counted) == 1


async def test_a_transaction_that_fails_leaves_nothing(counted: AsyncEngine) -> None:
    async def fail() -> None:
        async with counted.begin() as connection:
            await connection.execute(COUNT_ONE_UP)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await next_offset(counted) == 0


@pytest.mark.parametrize("scheme", ["postgresql://", "postgres://", "postgresql+asyncpg://"])
async def test_every_spelling_of_postgresql_is_taken(scheme: str, postgres_url: str, settings_for: SettingsFor) -> None:
    url = postgres_url.replace("postgresql://", scheme) + "?sslmode=disable"
    async with opened(settings_for(database_url=url)) as engine, reading(engine) as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "1min"


@pytest.mark.parametrize("url", ["mysql://root:hunter2@localhost/x", "hunter2"])
async def test_another_database_is_refused_without_its_password(url: str, settings_for: SettingsFor) -> None:
    with pytest.raises(DatabaseUrlInvalid, match="DATABASE_URL") as refused:
        await open_database(settings_for(database_url=url))
    assert "hunter2" not in str(refused.value)


async def test_opening_needs_no_server(settings_for: SettingsFor) -> None:
    async with opened(settings_for(database_url="postgresql://nobody@127.0.0.1:1/nothing")) as engine:
        with pytest.raises(OSError, match="Connect call failed"):
            await next_offset(engine)


async def test_a_commit_on_sqlite_is_on_the_disk(sqlite_url: str, settings_for: SettingsFor) -> None:
    async with opened(settings_for(database_url=sqlite_url)) as engine, engine.begin() as connection:
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await connection.scalar(text("PRAGMA synchronous")) == 2
        assert await connection.scalar(text("PRAGMA busy_timeout")) == 30_000


async def test_an_error_does_not_show_what_a_statement_was_given(counted: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as found:
        async with counted.begin() as connection:
            await connection.execute(text("INSERT INTO nowhere VALUES (:given)"), {"given": "ana@acme.example"})
    assert "ana@acme.example" not in str(found.value)


@pytest.mark.parametrize("schema", ['acme"; DROP TABLE run', "Acme", "1acme", "acme\n"])
def test_a_schema_is_a_plain_name(schema: str, settings_for: SettingsFor) -> None:
    with pytest.raises(ValidationError, match="SUCCESSPLAYS_DATABASE_SCHEMA"):
        settings_for(database_schema=schema)
