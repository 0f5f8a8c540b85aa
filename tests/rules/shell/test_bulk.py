"""Many rows in one statement, the same on SQLite and PostgreSQL."""

import sqlite3

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.rules import bulk, store
from services.rules.failures import DATABASE_ERRORS, refuses_rows
from shared.db import tables
from shared.db.database import reading

USERS = ("account_id", "user_id", "traits")
OUTBOX = ("owner", "topic", "key", "value", "at")


async def users(connection: AsyncConnection) -> list[tuple[str, ...]]:
    return sorted(tuple(row) for row in await connection.execute(tables.account_user.select()))


async def test_rows_are_inserted_replaced_kept_changed_deleted_and_found(database: AsyncEngine) -> None:
    table = tables.account_user
    async with database.begin() as connection:
        await bulk.insert(connection, table, USERS, [("acme", "jo", "1"), ("acme", "al", "1"), ("zen", "jo", "1")])
        await bulk.upsert(connection, table, USERS, [("acme", "jo", "2"), ("new", "x", "2")])
        await bulk.upsert(connection, table, USERS, [("acme", "jo", "3"), ("newer", "x", "3")], keep=True)
        await bulk.update(connection, table, ("account_id", "user_id"), ("traits",), [("zen", "jo", "4")])
        await bulk.delete(connection, table, ("account_id",), [("new",), ("absent",)])
        assert await users(connection) == [("acme", "al", "1"), ("acme", "jo", "2"), ("newer", "x", "3"), ("zen", "jo", "4")]
        found = await bulk.look_up(connection, table, ("account_id", "user_id"), [("acme", "jo"), ("acme", "no")], ("traits",))
        assert found == [("2",)]
        whole = await bulk.look_up(connection, table, ("account_id",), [("acme",)], ("user_id", "traits"))
        assert sorted(whole) == [("al", "1"), ("jo", "2")]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 64, 65, 1_000])
def test_pieces_have_few_sizes_and_nothing_is_lost(count: int) -> None:
    pieces = list(bulk.in_fixed_sizes(range(count), 64))
    assert [one for piece in pieces for one in piece] == list(range(count))
    assert {len(piece) for piece in pieces} <= {64, 8, 1}


async def test_more_rows_than_one_statement_takes(database: AsyncEngine) -> None:
    rows = [("acme", f"{number:05}", "1") for number in range(2 * bulk.MOST_VALUES // len(USERS) + 3)]
    async with database.begin() as connection:
        await bulk.insert(connection, tables.account_user, USERS, rows)
        assert await users(connection) == rows


async def test_nothing_to_do_asks_nothing(database: AsyncEngine) -> None:
    async with reading(database) as connection:
        await bulk.insert(connection, tables.account_user, USERS, [])
        await bulk.upsert(connection, tables.account_user, USERS, [])
        await bulk.update(connection, tables.account_user, ("account_id",), ("traits",), [])
        await bulk.delete(connection, tables.account_user, ("account_id",), [])
        assert await bulk.look_up(connection, tables.account_user, ("account_id",), [], ("traits",)) == []


async def test_what_goes_straight_to_the_driver_is_in_the_transaction(database: AsyncEngine) -> None:
    class Changed(Exception):
        pass

    async def change_the_mind() -> None:
        async with database.begin() as connection:
            await bulk.insert(connection, tables.account_user, USERS, [("acme", "jo", "1")])
            raise Changed

    with pytest.raises(Changed):
        await change_the_mind()
    async with reading(database) as connection:
        assert await users(connection) == []


async def test_json_bytes_numbers_and_nothing_go_in_and_out(database: AsyncEngine) -> None:
    columns = ("decision_id", "play", "version", "account_id", "subject", "at", "reason", "detail")
    async with database.begin() as connection:
        await bulk.upsert(connection, tables.decision, columns, [("d", "p", 1, "acme", "acme", 2**60, "stale", '{"a":[1]}')])
        await bulk.insert(connection, tables.outbox, OUTBOX, [("o", "t", "k", b"\x00\xff", None)])
        [made] = await connection.execute(tables.decision.select())
        assert (made.at, made.detail) == (2**60, {"a": [1]})
        [row] = await store.outbox_rows(connection, "o", 10)
        assert (row[1:4], bytes(row[4]), row[5]) == (("t", "k", None), b"\x00\xff", None)


async def test_a_repeated_key_is_refused_for_good(database: AsyncEngine) -> None:
    with pytest.raises(DATABASE_ERRORS) as refused:
        async with database.begin() as connection:
            await bulk.insert(connection, tables.account_user, USERS, [("acme", "jo", "1"), ("acme", "jo", "2")])
    assert refuses_rows(refused.value)
    assert isinstance(refused.value, sqlite3.IntegrityError) or getattr(refused.value, "sqlstate", "") == "23505"


async def test_known_events_are_found_by_month_and_fingerprint(database: AsyncEngine) -> None:
    columns = (
        *("month", "fingerprint", "account_id", "source", "id", "name", "occurred_at", "received_at", "position", "properties"),
        "imported",
    )
    rows = [
        (month, bytes([print_]) * 16, "acme", "s", str(print_), "n", 1, 1, 1, "{}", False)
        for month in (10, 11)
        for print_ in (1, 2)
    ]
    async with database.begin() as connection:
        await bulk.insert(connection, tables.event, columns, rows)
        wanted = {10: [("acme", b"\x01" * 16)], 11: [("acme", b"\x03" * 16)], 12: [("acme", b"\x01" * 16)]}
        # Of the month that is asked for, and of the one before it.
        assert await store.known_events(connection, wanted) == {(10, b"\x01" * 16), (11, b"\x01" * 16)}
        assert await store.known_events(connection, {13: wanted[10], 9: wanted[10], 10: [("zen", b"\x01" * 16)]}) == set()
        assert await store.known_events(connection, {}) == set()
