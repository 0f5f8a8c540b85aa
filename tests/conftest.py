"""Servers, databases and logs for every test. A server that is missing fails the test that needs it; nothing is skipped.

Where DATABASE_URL or KAFKA_BOOTSTRAP_SERVERS is set, that server is used (databases and topics of our own are made on it);
otherwise one of each is started for the session, when the first test asks for it.
"""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import hypothesis
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts import kafka as kafka_server
from scripts import postgres
from shared.clock import wall_clock
from shared.db.database import open_database, upgrade
from shared.log import open_log
from shared.log.contract import Log
from shared.settings import Settings, read_settings

SettingsFor = Callable[..., Settings]

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("successplays", deadline=None)
hypothesis.settings.load_profile("successplays")


def make_settings(**fields: object) -> Settings:
    """Settings from the names of their fields, whatever the environment says."""
    aliases = {name: field.alias or name for name, field in Settings.model_fields.items()}
    return Settings.model_validate({aliases[name]: value for name, value in fields.items()})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for a broker or for whole lives of the system, or hunts, is slow; `make check` leaves it out."""
    for item in items:
        if not {"acceptance", "oracle"}.isdisjoint(item.path.parts) or (isinstance(item, pytest.Function) and wants_kafka(item)):
            item.add_marker(pytest.mark.slow)


def wants_kafka(item: pytest.Function) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    by_parameter = any(parameter in ("kafka", "servers") for parameter in parameters)
    return by_parameter or "kafka" in item.fixturenames or item.path.name == "test_kafka.py"


@pytest.fixture
def settings_for(tmp_path: Path) -> SettingsFor:
    """`settings_for(partitions=2, database_url=postgres_url)`: the rest is the default, the data in a folder of this test."""

    def make(**fields: object) -> Settings:
        return make_settings(**{"data": tmp_path / "data", **fields})

    return make


# ------------------------------------------------------------------ PostgreSQL and SQLite


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which databases can be made."""
    given = read_settings().database_url
    if given is not None and make_url(given.get_secret_value()).get_backend_name() == "postgresql":
        yield make_url(given.get_secret_value()).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    with postgres.start() as server:
        yield server.url


def run_on(server: str, statement: str) -> None:
    """One statement outside any transaction, as CREATE DATABASE needs it."""

    async def run() -> None:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def database_on(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with the newest schema, from which every test gets a copy."""
    name = f"successplays_template_{uuid.uuid4().hex[:8]}"
    run_on(postgres_server, f"CREATE DATABASE {name}")
    asyncio.run(upgrade(make_settings(database_url=database_on(postgres_server, name))))
    yield name
    run_on(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of this test's own, freshly migrated: `postgresql://...`."""
    name = f"successplays_test_{uuid.uuid4().hex[:8]}"
    run_on(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield database_on(postgres_server, name)
    run_on(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, from which every test gets a copy."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(upgrade(make_settings(database_url=f"sqlite:///{file}")))
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite file of this test's own, freshly migrated: `sqlite:////...`."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'successplays.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of this test's own, on each kind in turn, freshly migrated."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(settings)
    try:
        yield engine
    finally:
        await engine.dispose()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The same, opened."""
    async with opened(make_settings(database_url=database_url)) as engine:
        yield engine


# ------------------------------------------------------------------ Kafka and the embedded log


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a broker."""
    given = read_settings().kafka_bootstrap_servers
    if given is not None:
        yield given
        return
    with kafka_server.start(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.bootstrap_servers


@pytest.fixture(params=["embedded", "kafka"])
def log_settings(request: pytest.FixtureRequest, settings_for: SettingsFor) -> Settings:
    """Settings for a log with topics of this test's own, on each kind in turn."""
    servers = request.getfixturevalue("kafka") if request.param == "kafka" else None
    return settings_for(kafka_bootstrap_servers=servers, topic_prefix=f"test-{uuid.uuid4().hex[:12]}.")


@pytest.fixture
async def log(log_settings: Settings) -> AsyncIterator[Log]:
    """The same, opened, live."""
    live = await open_log(log_settings, wall_clock)
    yield live
    await live.close()
