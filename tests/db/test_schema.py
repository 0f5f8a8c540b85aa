"""The migrations make exactly the tables of `shared/db/tables.py`, and take them away again, on both databases."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.database import SchemaOutOfDate, downgrade, require_current_schema, upgrade
from shared.db.key_store import list_keys
from shared.db.tables import event
from shared.settings import Settings
from tests.conftest import SettingsFor, opened


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


metadata = event.metadata


def differences(connection: Connection) -> list[tuple[object, ...]]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def destinations(connection: AsyncConnection, table: str) -> list[str]:
    return list(await connection.scalars(text(f"SELECT destination FROM {table}")))


@pytest.fixture
def settings(settings_for: SettingsFor, database_url: str) -> Settings:
    return settings_for(database_url=database_url)


async def test_up_down_and_up_again(settings: Settings, database: AsyncEngine) -> None:
    async with database.connect() as connection:
        assert await connection.run_sync(tables) == set(metadata.tables)
    await downgrade(settings, "base")
    async with database.connect() as connection:
        assert await connection.run_sync(tables) == set()
    await upgrade(settings)
    async with database.connect() as connection:
        assert await connection.run_sync(tables) == set(metadata.tables)
        assert await connection.run_sync(differences) == []


async def test_no_difference_between_the_tables_in_code_and_in_the_database(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_difference_would_be_seen(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE run ADD COLUMN mood TEXT"))
        assert [kind for kind, *_ in await connection.run_sync(differences)] == ["remove_column"]


async def test_upgrading_twice_changes_nothing(settings: Settings, database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO destination_state VALUES ('crm', 'paused', NULL, 5)"))
    await upgrade(settings)
    async with database.connect() as connection:
        assert (await connection.execute(text("SELECT destination, since FROM destination_state"))).all() == [("crm", 5)]


async def test_stored_events_outlive_a_change_of_their_key(settings: Settings, database: AsyncEngine) -> None:
    values = {"month": 1, "account_id": "acme", "fingerprint": b"f", "source": "api", "id": "1", "name": "a.b", "user_id": "jo"}
    rest = {"occurred_at": 2, "received_at": 3, "position": 4, "properties": "{}", "traits": "{}", "user_traits": None}
    async with database.begin() as connection:
        await connection.execute(event.insert().values(**values, **rest, imported=True))
    for move in (lambda: downgrade(settings, "0008"), lambda: upgrade(settings)):
        await move()
        async with database.connect() as connection:
            [found] = await connection.execute(event.select())
            assert dict(found._mapping) == {**values, **rest, "imported": True}


async def test_of_several_that_upgrade_at_once_one_does_it(settings: Settings, database: AsyncEngine) -> None:
    await downgrade(settings, "base")
    await asyncio.gather(*(upgrade(settings) for _ in range(4)))
    await require_current_schema(database)


async def test_the_schema_of_this_version_is_current(database: AsyncEngine) -> None:
    await require_current_schema(database)


async def test_an_empty_database_is_told_to_upgrade(settings: Settings, database: AsyncEngine) -> None:
    await downgrade(settings, "base")
    with pytest.raises(SchemaOutOfDate, match="no tables yet: run `successplays db upgrade`"):
        await require_current_schema(database)


async def test_a_newer_schema_is_refused(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutOfDate, match="revision 9999, which is newer"):
        await require_current_schema(database)


async def test_two_deployments_share_a_server_by_schema(settings_for: SettingsFor, postgres_url: str) -> None:
    for schema in ("north", "south"):
        settings = settings_for(database_url=postgres_url, database_schema=schema)
        await upgrade(settings)
        async with opened(settings) as engine, engine.begin() as connection:
            await connection.execute(text(f"INSERT INTO destination_state VALUES ('{schema}', 'active', NULL, 0)"))
            assert await destinations(connection, "destination_state") == [schema]
            assert await connection.run_sync(differences) == []
    async with opened(settings_for(database_url=postgres_url)) as engine, engine.begin() as connection:
        assert await destinations(connection, "destination_state") == []
        assert await destinations(connection, "north.destination_state") == ["north"]


async def test_the_data_folder_is_made(settings_for: SettingsFor, tmp_path: Path) -> None:
    settings = settings_for(data=tmp_path / "deep" / "down")
    await upgrade(settings)
    assert (tmp_path / "deep" / "down" / "successplays.db").is_file()


async def test_keys_and_waiting_events_of_before_trails_are_carried_over(settings: Settings, database: AsyncEngine) -> None:
    await downgrade(settings, "0006")
    columns = "key_id, prefix, hash, scopes, source, traits, created_at"
    key = f"INSERT INTO api_key ({columns}) VALUES (:key, 'sp', :hash, '[]', 'api', :traits, 0)"
    waits = "INSERT INTO unassigned VALUES ('domain:acme.example', 'api', '1', 3, 0, 'a.b', :record)"
    record = b'{"type":"event","id":"1","about":"domain:acme.example","via":["email:jo@acme.example"]}'
    async with database.begin() as connection:
        for name, traits in (("all", True), ("none", False)):
            await connection.execute(text(key), {"key": name, "hash": name.encode(), "traits": traits})
        await connection.execute(text(waits), {"record": record})
    await upgrade(settings)
    async with database.begin() as connection:
        kept = {one.key_id: one.traits for one in await list_keys(connection)}
        ways = [tuple(row) for row in await connection.execute(text("SELECT * FROM trail"))]
    assert kept == {"all": None, "none": ()}
    assert ways == [("email:jo@acme.example", "email:jo@acme.example", "domain:acme.example", 3)]
    await downgrade(settings, "0006")
    async with database.begin() as connection:
        told = {row.key_id: bool(row.traits) for row in await connection.execute(text("SELECT key_id, traits FROM api_key"))}
    assert told == {"all": True, "none": False}
