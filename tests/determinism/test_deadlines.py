"""Time that jumps: an outage across deadlines, and very many deadlines at one instant."""

import asyncio
import gc
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.catalog import Catalog, encode_catalog
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account, encode_document
from services.rules.metrics import RulesMetrics
from services.rules.worker import Bounds, Worker
from shared.clock import wall_clock
from shared.db import tables
from shared.instants import HOUR, MINUTE
from shared.log import open_log
from shared.log.contract import Entry
from shared.records import Applied, Tick, encode
from shared.topics import EVENTS
from tests.conftest import make_settings, opened
from tests.determinism.lived import Life
from tests.determinism.stories import record_of
from tests.determinism.story import Story, Told, differences, meant, tell
from tests.determinism.test_lives import lived_embedded
from tests.rules.timeline import event

QUIET = {"play": "quiet", "when": {"silence": {"of": "user.login", "for": "3h"}}, "again": "every time"}
MANY = 100_000
AT = 3 * HOUR


def test_an_outage_of_six_hours_makes_no_false_silence_and_loses_none(sqlite_template: Path):
    #  0        1 h ........ nobody writes or reads the log ........ 7 h                          7 h + 1 us
    #  login                                                         what was sent meanwhile      zen was never heard again
    log = [
        Told(0, record_of([QUIET], 0)),
        *(tell("user.login", 0, account) for account in ("acme", "zen")),
        tell("user.login", HOUR, "acme"),
        # Sent at 3 and 5 o'clock, and heard only now: late events count where they belong.
        *(Told(7 * HOUR, tell("user.login", sent, "acme").record) for sent in (3 * HOUR, 5 * HOUR)),
        tell("page.viewed", 7 * HOUR + 1, "zen"),
    ]
    found = lived_embedded(sqlite_template, story := Story(log, 8 * HOUR), Life(partitions=2, pieces=4))
    assert differences(found, meant(story)) == []
    # acme's silence of 3 h ended at 4 o'clock by the log, which went on at 7 o'clock: recorded as the deadline that it was.
    assert sorted((row[2], row[5], row[8]) for row in found.runs.values()) == [
        ("acme", 4 * HOUR, 7 * HOUR),
        ("acme", 8 * HOUR, None),
        ("zen", 3 * HOUR, None),
    ]


@pytest.mark.slow
async def test_a_hundred_thousand_deadlines_at_one_instant(sqlite_template: Path, tmp_path: Path):
    file = shutil.copyfile(sqlite_template, tmp_path / "successplays.db")
    settings = make_settings(data=tmp_path, database_url=f"sqlite:///{file}", replay=True, partitions=1)
    log = await open_log(settings, wall_clock)
    async with opened(settings) as database:
        await fill(database, record_of([QUIET], 0))
        await log.append(EVENTS, [Entry("", encode(Tick()), 0, AT + MINUTE)])
        stop, metrics = asyncio.Event(), RulesMetrics()
        bounds = Bounds(poll=0.01, due=1_000, documents=1_000)
        worker = asyncio.create_task(Worker(database, log, wall_clock, stop, metrics, bounds=bounds).run())
        in_memory: list[int] = []

        async def all_published() -> bool:
            in_memory.append(sum(isinstance(one, Account) for one in gc.get_objects()))
            async with database.begin() as connection:
                runs = (await connection.execute(select(func.count()).select_from(tables.run))).scalar_one()
                waiting = (await connection.execute(select(tables.outbox.c.id).limit(1))).first()
            return runs == MANY and waiting is None

        await until(all_published, "all published")
        stop.set()
        await worker
        async with database.begin() as connection:
            assert (await connection.execute(select(tables.run.c.opened_at).distinct())).scalars().all() == [AT]
            earliest = (await connection.execute(select(func.min(tables.subject.c.next_deadline)))).scalar_one()
    await log.close()
    assert earliest is None
    # A thousand at a time, and then they are let go.
    assert (metrics.registry.get_sample_value("successplays_rules_batch_seconds_count") or 0) >= MANY / 1_000
    assert 0 < max(in_memory) < 5_000


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + 100
    while not await true():
        assert asyncio.get_running_loop().time() < deadline, f"never {what}"
        await asyncio.sleep(0.5)


async def fill(database: AsyncEngine, applied: Applied) -> None:
    """So many accounts that were heard of once, at 0; as a worker that took these events left them."""
    account = Account("a0", 0, {})
    engine = Engine(applied)
    login = msgspec.structs.replace(event("user.login", 0), account_id="a0", occurred_at=0, received_at=0)
    engine.take(account, login, Effects())
    engine.pass_time(account, 1, Effects())
    [(key, document)] = account.subjects.items()
    assert document.next_deadline == AT
    text = encode_document(document).decode()
    names = [f"a{number}" for number in range(MANY)]
    async with database.begin() as connection:
        row = {"partition": 0, "traits": "{}", "first_seen_at": 0, "plays_offset": 0}
        await connection.execute(insert(tables.account), [{"account_id": name, **row} for name in names])
        row = {"kind": key.kind, "value": key.value, "partition": 0, "document": text, "next_deadline": AT}
        await connection.execute(insert(tables.subject), [{"account_id": name, **row} for name in names])
        plays = encode_catalog(Catalog(applied=applied, offset=0))
        row = {"topic": EVENTS, "partition": 0, "epoch": 1, "next_offset": 0, "at": 0, "plays": plays}
        await connection.execute(insert(tables.partition), [row])
