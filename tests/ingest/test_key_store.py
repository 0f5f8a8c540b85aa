import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.key_store import create_key, find_by_hash, list_keys, revoke_key
from shared.db.tables import api_key
from shared.keys import hash_key, make_key

SECRET = b"one deployment's secret"


async def test_a_key_is_found_by_its_hash_until_it_is_revoked(database: AsyncEngine) -> None:
    text, key = make_key("write", now=5, source="crm", events=["ticket.*"], traits=["plan"])
    hashed = hash_key(text, SECRET)
    async with database.begin() as connection:
        await create_key(connection, key, hashed)
    async with database.begin() as connection:
        assert await find_by_hash(connection, hashed) == key
        assert await find_by_hash(connection, hash_key(text + "x", SECRET)) is None
        assert await revoke_key(connection, key.key_id, now=9)
        assert await find_by_hash(connection, hashed) is None
        assert await revoke_key(connection, key.key_id, now=10)
        assert await list_keys(connection) == [msgspec.structs.replace(key, revoked_at=9)]


async def test_to_revoke_what_is_not_there_is_said(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        assert not await revoke_key(connection, "key_nobody", now=1)


async def test_keys_are_listed_oldest_first(database: AsyncEngine) -> None:
    made = [make_key(kind, now=now) for kind, now in (("admin", 3), ("write", 1), ("read", 2))]
    async with database.begin() as connection:
        for text, key in made:
            await create_key(connection, key, hash_key(text, SECRET))
        assert [key.created_at for key in await list_keys(connection)] == [1, 2, 3]


async def test_the_key_itself_is_nowhere_in_the_database(database: AsyncEngine) -> None:
    text, key = make_key("write", now=1)
    async with database.begin() as connection:
        await create_key(connection, key, hash_key(text, SECRET))
        row = (await connection.execute(select(api_key))).one()
    assert not any(text in str(value) or text[9:] in str(value) for value in row)


async def test_the_pages_of_a_browsers_key_are_kept(database: AsyncEngine) -> None:
    text, key = make_key("write", now=5, origins=["https://app.acme.example"])
    async with database.begin() as connection:
        await create_key(connection, key, hash_key(text, SECRET))
        assert await find_by_hash(connection, hash_key(text, SECRET)) == key
