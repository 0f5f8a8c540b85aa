"""Many rows in one statement, on PostgreSQL and SQLite alike: insert, upsert, update, delete, look up.

The statements are made from the tables and kept. On PostgreSQL a column of values travels as one array (`unnest`) or by COPY,
straight through asyncpg; on SQLite new rows go by the thousand in one statement, others by `executemany`, and keys to look up as
one JSON array. Each function works in the transaction of the connection that it is given, and commits nothing. A JSON column
takes its value as JSON text.
"""

# ruff: noqa: S608 - what is put into a statement are names of our own tables and columns; values are always parameters.

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, Integer, LargeBinary, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = tuple[Any, ...]
Value = TypeVar("Value")
Columns = tuple[str, ...]

# Of the 32,766 parameters that SQLite takes. Python gives its lock back once a statement, not once a row: while two thousand
# rows are inserted, others compute.
MOST_VALUES = 28_672


async def insert(connection: AsyncConnection, table: Table, columns: Columns, rows: Sequence[Row]) -> None:
    """Insert rows that are new; a conflict is an error. PostgreSQL: COPY."""
    if not rows:
        return
    driver = await _writing(connection)
    if connection.dialect.name == "postgresql":
        await driver.copy_records_to_table(table.name, records=rows, columns=columns)
        return
    for some in in_fixed_sizes(rows, MOST_VALUES // len(columns)):
        async with driver.execute(_insert_sqlite(table, columns, "fail", len(some)), tuple(chain.from_iterable(some))):
            pass


async def upsert(connection: AsyncConnection, table: Table, columns: Columns, rows: Sequence[Row], keep: bool = False) -> None:
    """Insert rows, or replace those with the same primary key; with `keep` those there already stay as they are.

    No two of the rows may have the same key.
    """
    if not rows:
        return
    conflict = "keep" if keep else "replace"
    driver = await _writing(connection)
    if connection.dialect.name == "postgresql":
        await driver.execute(_upsert_postgresql(table, columns, conflict), *zip(*rows, strict=True))
    else:
        await _many_sqlite(driver, _insert_sqlite(table, columns, conflict), rows)


async def update(connection: AsyncConnection, table: Table, keys: Columns, values: Columns, rows: Sequence[Row]) -> None:
    """Set `values` where `keys` are equal; each row holds the keys, then the values."""
    if not rows:
        return
    driver = await _writing(connection)
    if connection.dialect.name == "postgresql":
        await driver.execute(_update_postgresql(table, keys, values), *zip(*rows, strict=True))
    else:
        # The statement names the values first.
        turned = [(*row[len(keys) :], *row[: len(keys)]) for row in rows]
        await _many_sqlite(driver, _update_sqlite(table, keys, values), turned)


async def delete(connection: AsyncConnection, table: Table, keys: Columns, rows: Sequence[Row]) -> None:
    """Delete the rows with these keys."""
    if not rows:
        return
    driver = await _writing(connection)
    if connection.dialect.name == "postgresql":
        await driver.execute(_delete_postgresql(table, keys), *zip(*rows, strict=True))
    else:
        await _many_sqlite(driver, _delete_sqlite(table, keys), rows)


async def look_up(connection: AsyncConnection, table: Table, keys: Columns, rows: Sequence[Row], wanted: Columns) -> list[Row]:
    """The wanted columns of the rows with these keys (text or numbers), in no particular order."""
    if not rows:
        return []
    if connection.dialect.name == "postgresql":
        found = await (await _reading(connection)).fetch(_look_up_postgresql(table, keys, wanted), *zip(*rows, strict=True))
        return [tuple(row) for row in found]
    return await fetch(connection, "", _look_up_sqlite(table, keys, wanted), (msgspec.json.encode(rows).decode(),))


async def fetch(connection: AsyncConnection, postgresql: str, sqlite: str, values: Row) -> list[Row]:
    """The rows of a statement written for each: `$1` on PostgreSQL, `?` on SQLite."""
    if connection.dialect.name == "postgresql":
        return [tuple(row) for row in await (await _reading(connection)).fetch(postgresql, *values)]
    return list(await (await _reading(connection)).execute_fetchall(sqlite, values))


def in_fixed_sizes(some: Sequence[Value], most: int) -> Iterator[Sequence[Value]]:
    """Rows or keys in pieces of few different sizes (`most`, then by eighths), so that their statements are compiled once."""
    start, size = 0, max(1, most)
    while start < len(some):
        while size > len(some) - start:
            size = max(1, size // 8)
        yield some[start : start + size]
        start += size


async def _many_sqlite(driver: Any, statement: str, rows: Sequence[Row]) -> None:
    async with driver.executemany(statement, rows):
        pass


async def _writing(connection: AsyncConnection) -> Any:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    # SQLite's transaction begins with SQLAlchemy's own (`shared.db.database`).
    if connection.dialect.name == "postgresql" and not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its own first statement; what went straight to asyncpg before it would commit by itself.
        await connection.execute(_NOTHING)
    return driver


async def _reading(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


_NOTHING = text("SELECT 1")


def _names(columns: Columns, prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{column}"' for column in columns)


def _equal(keys: Columns, table: Table) -> str:
    return " AND ".join(f'"{table.name}"."{key}" = given."{key}"' for key in keys)


def _primary(table: Table) -> Columns:
    return tuple(column.name for column in table.primary_key)


def _on_conflict(table: Table, columns: Columns, conflict: str) -> str:
    key = _primary(table)
    changing = [column for column in columns if column not in key]
    if conflict == "keep" or not changing:
        return f"ON CONFLICT ({_names(key)}) DO NOTHING"
    return f"ON CONFLICT ({_names(key)}) DO UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in changing)


def _array_type(table: Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, Text | JSON):
        return "text[]"
    for known, name in ((BigInteger, "bigint[]"), (Integer, "integer[]"), (Boolean, "boolean[]"), (LargeBinary, "bytea[]")):
        if isinstance(kind, known):
            return name
    raise TypeError(f"{table.name}.{column} has a type that has no array here: {kind!r}")


def _unnest(table: Table, columns: Columns) -> str:
    arrays = ", ".join(f"${place}::{_array_type(table, column)}" for place, column in enumerate(columns, start=1))
    return f"unnest({arrays}) AS given({_names(columns)})"


def _given(table: Table, columns: Columns) -> str:
    casts = {column: "::jsonb" if isinstance(table.c[column].type, JSON) else "" for column in columns}
    return ", ".join(f'given."{column}"{casts[column]}' for column in columns)


@lru_cache
def _insert_sqlite(table: Table, columns: Columns, conflict: str, rows: int = 1) -> str:
    marks = ", ".join(["(" + ", ".join("?" * len(columns)) + ")"] * rows)
    into = f'INTO "{table.name}" ({_names(columns)}) VALUES {marks}'
    if conflict == "fail":
        # It may leave some of the rows, in a transaction that is rolled back then; to undo the statement alone, SQLite would
        # keep a journal of its own for it.
        return f"INSERT OR FAIL {into}"
    return f"INSERT {into} {_on_conflict(table, columns, conflict)}"


@lru_cache
def _upsert_postgresql(table: Table, columns: Columns, conflict: str) -> str:
    rows = f"SELECT {_given(table, columns)} FROM {_unnest(table, columns)}"
    return f'INSERT INTO "{table.name}" ({_names(columns)}) {rows} {_on_conflict(table, columns, conflict)}'


@lru_cache
def _update_postgresql(table: Table, keys: Columns, values: Columns) -> str:
    changes = ", ".join(f'"{column}" = given."{column}"' for column in values)
    where = _equal(keys, table)
    return f'UPDATE "{table.name}" SET {changes} FROM {_unnest(table, keys + values)} WHERE {where}'


@lru_cache
def _update_sqlite(table: Table, keys: Columns, values: Columns) -> str:
    changes = ", ".join(f'"{column}" = ?' for column in values)
    return f'UPDATE "{table.name}" SET {changes} WHERE ' + " AND ".join(f'"{column}" = ?' for column in keys)


@lru_cache
def _delete_postgresql(table: Table, keys: Columns) -> str:
    return f'DELETE FROM "{table.name}" USING {_unnest(table, keys)} WHERE {_equal(keys, table)}'


@lru_cache
def _delete_sqlite(table: Table, keys: Columns) -> str:
    return f'DELETE FROM "{table.name}" WHERE ' + " AND ".join(f'"{column}" = ?' for column in keys)


@lru_cache
def _look_up_postgresql(table: Table, keys: Columns, wanted: Columns) -> str:
    # LATERAL with OFFSET 0 keeps the planner at one index look-up per key, whatever it believes the table's size to be.
    inner = f'SELECT {_names(wanted)} FROM "{table.name}" WHERE {_equal(keys, table)} OFFSET 0'
    return f"SELECT found.* FROM {_unnest(table, keys)} CROSS JOIN LATERAL ({inner}) AS found"


@lru_cache
def _look_up_sqlite(table: Table, keys: Columns, wanted: Columns) -> str:
    # CROSS JOIN keeps SQLite at the same.
    where = " AND ".join(f'found."{key}" = given.value ->> {place}' for place, key in enumerate(keys))
    return f'SELECT {_names(wanted, "found.")} FROM json_each(?) AS given CROSS JOIN "{table.name}" AS found ON {where}'
