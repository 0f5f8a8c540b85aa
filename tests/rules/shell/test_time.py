"""Only records move time: deadlines are taken when a record has passed them, and ticks are appended when nothing else comes."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.catalog import Catalog, decode_catalog, encode_catalog
from services.rules.core.effects import Effects
from services.rules.core.state import Account
from services.rules.worker import Bounds
from shared.clock import wall_clock
from shared.db import tables
from shared.instants import SECOND, Instant
from shared.log.contract import Log
from shared.records import Applied, Event, Mapping, Paused, Tick
from tests.rules.shell.conftest import QUICK, Scene, until
from tests.rules.shell.counting import QUIET_FOR, Counting


async def ticks(scene: Scene) -> int:
    return sum(isinstance(record, Tick) for record in await scene.events())


async def quiet_runs(scene: Scene) -> list[Instant]:
    return sorted(run.opened_at for run in await scene.runs() if run.play == "quiet")


async def test_a_deadline_is_taken_when_a_record_has_passed_it_not_at_it(database: AsyncEngine, replay_log: Log) -> None:
    #  0 s          10 s       10 s + 1 us
    #  acme ─────── zen ─────── zen
    #               not yet     acme's deadline, recorded as 10 s
    scene = Scene(database, replay_log, one_partition=True)
    await scene.send(scene.event(account="acme"), at=0)
    await scene.send(scene.event(account="zen"), at=QUIET_FOR)
    async with scene.working():
        await scene.settled()
        assert await quiet_runs(scene) == []
        await scene.send(scene.event(account="zen"), at=QUIET_FOR + 1)
        await scene.settled()
        await until_runs(scene, 1)
    assert await quiet_runs(scene) == [QUIET_FOR]


async def until_runs(scene: Scene, count: int) -> None:
    async def there() -> bool:
        return len(await scene.runs()) == count

    await until(there, f"{count} runs")


async def test_many_deadlines_are_taken_in_chunks_each_once(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log, one_partition=True)
    for number in range(25):
        await scene.send(scene.event(account=f"a{number}"), at=number)
    await scene.send(scene.event(account="last"), at=QUIET_FOR + 100)
    async with scene.working(bounds=Bounds(due=10, poll=0.05)):
        await until_runs(scene, 25)
        await scene.settled()
    assert await quiet_runs(scene) == [QUIET_FOR + number for number in range(25)]
    assert await scene.count(tables.run) == 25


async def test_deadlines_before_a_change_of_plays_are_taken_by_the_old_plays(database: AsyncEngine, replay_log: Log) -> None:
    #  0 s            10 s                       10 s + 5 us
    #  acme, zen ──── their deadlines ────────── paused: nothing but its record says that time has passed them
    scene = Scene(database, replay_log, one_partition=True)
    await scene.send(scene.event(account="acme"), scene.event(account="zen"), at=0)
    await scene.send(Paused(play="quiet"), at=QUIET_FOR + 5)
    async with scene.working(bounds=Bounds(due=1, poll=0.05)):
        await scene.settled()
        await until_runs(scene, 2)
    assert await quiet_runs(scene) == [QUIET_FOR, QUIET_FOR]


async def test_a_replayed_log_gets_no_ticks(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log)
    await scene.send(scene.event(), at=0)
    async with scene.working():
        await scene.settled()
        await scene.send(scene.event(account="zen"), at=1)
        await scene.settled()
    assert await ticks(scene) == 0


async def test_when_caught_up_a_tick_lets_a_deadline_pass(scene: Scene) -> None:
    ahead = QUIET_FOR + SECOND
    await scene.send(scene.event())
    async with scene.working(clock=lambda: wall_clock() + ahead):
        # The worker's clock is ahead: it asks the log, whose own time decides that the deadline has not passed.
        await until_ticks(scene, 1)
        await scene.settled()
        assert await quiet_runs(scene) == []
    assert await scene.count(tables.dead_letter) == 0


async def until_ticks(scene: Scene, count: int) -> None:
    async def there() -> bool:
        return await ticks(scene) >= count

    await until(there, f"{count} ticks")


async def test_a_tick_that_did_not_help_is_repeated_after_a_second_and_not_before(scene: Scene) -> None:
    now = [wall_clock() + QUIET_FOR + SECOND]
    await scene.send(scene.event())
    async with scene.working(clock=lambda: now[0]):
        await until_ticks(scene, 1)
        await scene.settled()
        now[0] += SECOND - 1
        await scene.send(Mapping(alias="user:jo", account_id="acme"))
        await scene.settled()
        assert await ticks(scene) == 1
        now[0] += 1
        await until_ticks(scene, 2)


async def test_silence_is_noticed_by_a_tick_alone(scene: Scene) -> None:
    short = SECOND // 5

    class Impatient(Counting):
        def take(self, account: Account, event: Event, effects: Effects, at: int | None = None) -> None:
            super().take(account, event, effects)
            for document in account.subjects.values():
                document.next_deadline = event.received_at + short

    await scene.send(scene.event())
    async with scene.working(make_engine=Impatient, bounds=QUICK):
        await until_runs(scene, 1)
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert await quiet_runs(scene) == [stored["received_at"] + short]
    assert await ticks(scene) >= 1


async def test_a_partitions_time_never_goes_back(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log, one_partition=True)
    await scene.send(scene.event(id="a"), at=50)
    await scene.send(scene.event(id="b"), at=20)
    async with scene.working():
        await scene.settled()
    assert [row["received_at"] for row in await scene.rows(tables.event)] == [50, 50]


async def test_a_repeat_counts_again_after_more_than_a_month(database: AsyncEngine, replay_log: Log) -> None:
    #  January   February   April
    #  1st       repeat     new event
    january, february, april = 0, 31 * 86_400 * SECOND, 90 * 86_400 * SECOND
    scene = Scene(database, replay_log)
    event = scene.event("urgent.created")
    for at in (january, february, april):
        await scene.send(event, at=at)
    async with scene.working(make_engine=lambda applied, paused: Counting(applied, paused, quiet=False)):
        await scene.settled()
    assert sorted(row["received_at"] for row in await scene.rows(tables.event)) == [january, april]


async def test_the_same_over_restarts(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log)
    event = scene.event("urgent.created")
    for at in (0, 59 * 86_400 * SECOND - 1, 59 * 86_400 * SECOND):
        await scene.send(event, at=at)
        async with scene.working():
            await scene.settled()
    assert sorted(row["month"] for row in await scene.rows(tables.event)) == [1970 * 12, 1970 * 12 + 2]


def test_what_is_kept_of_the_plays_is_read_back_unchanged() -> None:
    catalog = Catalog(applied=Applied(plays=[], listening_since=5), offset=3, at=7, paused=frozenset({"a"}), before=None)
    assert decode_catalog(encode_catalog(catalog)) == catalog
    assert msgspec.json.decode("{}", type=Catalog) == Catalog()
