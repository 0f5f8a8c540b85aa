"""Opening the database, and bringing its schema up to date. Everything else sees an `AsyncEngine`.

    database = await open_database(settings)
    async with database.begin() as connection:        one transaction that may write
    async with reading(database) as connection:       one that only reads, and waits for no writer

PostgreSQL through asyncpg, SQLite through aiosqlite. On SQLite a writing transaction takes the write lock at its beginning
(`BEGIN IMMEDIATE`): it waits its turn there, instead of failing half-way when a read would have to become a write.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.settings import Settings

STATEMENT_TIMEOUT_MS = 60_000
BUSY_TIMEOUT_MS = 30_000
# What a statement was given are people's data: an error that is logged does not show them.
_POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 30.0, "hide_parameters": True}
# Any 64-bit number will do, as long as it stays the same: whoever upgrades the schema holds it.
_UPGRADE_LOCK = 7_310_579_602_115_240
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class DatabaseUrlInvalid(Exception):
    """DATABASE_URL names neither PostgreSQL nor SQLite, or cannot be read. Its password is not in the message."""


class SchemaOutOfDate(Exception):
    """The tables are older or newer than this version of the code; the message says what to do."""


async def open_database(settings: Settings) -> AsyncEngine:
    """The database of DATABASE_URL, else SQLite in the data folder. Nothing is connected yet: the database may be away.

    Raises DatabaseUrlInvalid.
    """
    url = _url_of(settings)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    return _open_postgresql(url, settings.database_schema, STATEMENT_TIMEOUT_MS)


def reading(database: AsyncEngine) -> AbstractAsyncContextManager[AsyncConnection]:
    """A transaction that only reads: a write in it fails. On SQLite it takes no lock that a writer would wait for."""
    return database.execution_options(reading=True, postgresql_readonly=True).begin()


def _url_of(settings: Settings) -> URL:
    if settings.database_url is None:
        settings.data.mkdir(parents=True, exist_ok=True)
        return URL.create("sqlite+aiosqlite", database=str(settings.data / "successplays.db"))
    try:
        url = make_url(settings.database_url.get_secret_value())
    except ArgumentError as error:
        raise DatabaseUrlInvalid("DATABASE_URL is not a URL such as postgresql://user:password@host:5432/database") from error
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite":
        return url.set(drivername="sqlite+aiosqlite")
    if kind not in ("postgresql", "postgres"):
        raise DatabaseUrlInvalid(f"DATABASE_URL begins with {url.drivername!r}; it must be postgresql:// or sqlite:///")
    # What libpq calls `sslmode`, asyncpg calls `ssl`, with the same values.
    renamed = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=renamed)


def _open_postgresql(url: URL, schema: str | None, statement_timeout_ms: int) -> AsyncEngine:
    server_settings = {
        "application_name": "successplays",
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(STATEMENT_TIMEOUT_MS),
        # Compiling pays for reports of minutes, not for statements of milliseconds.
        "jit": "off",
        "timezone": "UTC",
    }
    if schema is not None:
        server_settings["search_path"] = f'"{schema}"'
    # A little longer than the server's own limit, so that a server that has vanished does not hold a worker for ever.
    given_up_after = statement_timeout_ms / 1000 + 10 if statement_timeout_ms else None
    arguments = {"server_settings": server_settings, "timeout": 10, "command_timeout": given_up_after}
    return create_async_engine(url, connect_args=arguments, pool_pre_ping=True, **_POOL)


def _open_sqlite(url: URL) -> AsyncEngine:
    database = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, **_POOL)
    event.listen(database.sync_engine, "connect", _prepare_sqlite)
    event.listen(database.sync_engine, "begin", _begin_sqlite)
    return database


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself; `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    # Both for large batches: the default cache (2 MB) is written out and read again within one, and the default checkpoint
    # (4 MB of WAL) comes at each commit. What is committed is in the WAL, and durable, either way.
    cursor.execute("PRAGMA cache_size=-32768")
    cursor.execute("PRAGMA wal_autocheckpoint=10000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get("reading", False)
    if connection.info.get("query_only", False) != only_reads:
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if only_reads else 'OFF'}")
        connection.info["query_only"] = only_reads
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


async def upgrade(settings: Settings, revision: str = "head") -> None:
    """Make the schema what this version needs. Idempotent; of several at once one does it; it happens whole or not at all."""
    await _migrate(settings, lambda config: _alembic().upgrade(config, revision))


async def downgrade(settings: Settings, revision: str) -> None:
    """Take the schema back to `revision` (`base`: no tables at all). What the newer schema kept is lost."""
    await _migrate(settings, lambda config: _alembic().downgrade(config, revision))


async def require_current_schema(database: AsyncEngine) -> None:
    """Raises SchemaOutOfDate unless the tables are those of this version."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    needed = scripts.get_current_head()
    async with reading(database) as connection:
        found = await connection.run_sync(_revision_of)
    if found == needed:
        return
    if found is None:
        raise SchemaOutOfDate("the database has no tables yet: run `successplays db upgrade`")
    if found in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaOutOfDate(f"the database is at revision {found}, this version needs {needed}: run `successplays db upgrade`")
    raise SchemaOutOfDate(
        f"the database is at revision {found}, which is newer than this version knows ({needed}): "
        "run the version of successplays that did its last `successplays db upgrade`"
    )


def _revision_of(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _alembic() -> Any:
    # Only who migrates pays for the import.
    from alembic import command

    return command


async def _migrate(settings: Settings, change: Callable[[Any], None]) -> None:
    from alembic.config import Config

    url = _url_of(settings)
    schema = settings.database_schema
    sqlite = url.get_backend_name() == "sqlite"
    # A migration may well take longer than a statement of the services should.
    database = _open_sqlite(url) if sqlite else _open_postgresql(url, schema, statement_timeout_ms=0)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))

    def change_with(connection: Connection) -> None:
        config.attributes["connection"] = connection
        change(config)

    try:
        async with database.begin() as connection:
            if not sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
                if schema is not None:
                    await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            await connection.run_sync(change_with)
    finally:
        await database.dispose()
