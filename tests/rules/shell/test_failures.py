"""What fails changes nothing, is done again, and is never done twice; what cannot be done is kept with its reason."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules import store
from services.rules.batch import Batch, Fenced
from services.rules.core.effects import Effects
from services.rules.core.routes import Touch
from services.rules.core.state import Account
from services.rules.failures import refuses_rows
from services.rules.outbox import publish
from services.rules.partitions import Owned
from services.rules.reading import read_slice
from services.rules.work import works_of
from services.rules.worker import Worker
from shared.clock import wall_clock
from shared.db import tables
from shared.log.contract import LogUnavailable, Record
from shared.records import Applied, Event, encode
from shared.topics import RUNS
from tests.rules.shell.conftest import QUICK, Scene, until
from tests.rules.shell.counting import Counting
from tests.rules.shell.test_events import plays, seen


async def take_over(database: AsyncEngine) -> Owned:
    async with database.begin() as connection:
        return Owned(0, await store.take_over(connection, 0), Counting, documents=100)


async def take(database: AsyncEngine, owned: Owned, *events: Event, offset: int = 0) -> None:
    """One batch of events straight through, as the worker does it."""
    for place, event in enumerate(events):
        owned.pending.append(Record(0, offset + place, 1_000 + place, event.account_id or "", encode(event)))
    part = read_slice(owned, list(owned.pending))
    await Batch([owned], [part], works_of([part]), replay=False).run(database)


# ------------------------------------------------------------------ fencing


async def test_a_stale_epoch_changes_nothing(database: AsyncEngine) -> None:
    scene_event = Event(id="1", name="urgent.created", source="test", account_id="acme")
    stale = await take_over(database)
    fresh = await take_over(database)
    assert fresh.epoch == stale.epoch + 1
    with pytest.raises(Fenced) as fenced:
        await take(database, stale, scene_event)
    assert fenced.value.partitions == [0]
    async with database.begin() as connection:
        for table in (tables.event, tables.account, tables.subject, tables.run, tables.outbox):
            assert (await connection.execute(table.select())).first() is None
        assert (await store.progress(connection, 0, fresh.epoch)) is not None
        assert (await store.progress(connection, 0, stale.epoch)) is None
    await take(database, fresh, scene_event)
    async with database.begin() as connection:
        progress = await store.progress(connection, 0, fresh.epoch)
    assert progress is not None
    assert progress.next_offset == 1


async def test_two_workers_share_and_take_over_without_loss_or_repetition(scene: Scene) -> None:
    accounts = [f"a{number}" for number in range(12)]
    async with scene.working():
        await scene.send(*(scene.event("urgent.created", account) for account in accounts))
        await scene.settled()
        async with scene.working():
            await scene.send(*(scene.event("urgent.created", account) for account in accounts))
            await scene.settled()
        await scene.send(*(scene.event("urgent.created", account) for account in accounts))
        await scene.settled()
    assert len({run.run_id for run in await scene.runs()}) == await scene.count(tables.run) == 36
    assert [await seen(scene, account) for account in accounts] == [3] * 12


# ------------------------------------------------------------------ the outbox


async def test_what_was_committed_but_not_published_is_published_by_the_next_life(scene: Scene) -> None:
    scene.log.refused_topics.add(RUNS)
    await scene.send(scene.event("urgent.created"), scene.event("urgent.created"))
    async with scene.working():

        async def committed() -> bool:
            return await scene.count(tables.outbox) == 2

        await until(committed, "two rows in the outbox")
    scene.log.refused_topics.clear()
    async with scene.working():
        await scene.settled()
    assert [run.run_id for run in await scene.runs()] == ["urgent/acme/e1", "urgent/acme/e2"]


async def test_a_crash_between_publishing_and_deleting_publishes_again(scene: Scene) -> None:
    row = {"owner": "rules:0", "topic": RUNS, "key": "acme", "value": b'{"type":"run.resolved"}'}

    async def published(before: int) -> None:
        async with scene.database.begin() as connection:
            await connection.execute(tables.outbox.insert().values(**row))
        with suppress(LogUnavailable):
            await publish(scene.database, scene.log, "rules:0")
        assert len(scene.log.values(RUNS)) == before + 1

    await published(0)
    await published(1)
    assert await scene.count(tables.outbox) == 0


# ------------------------------------------------------------------ what cannot be taken


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("acme", b"not json", "malformed"),
        ("acme", b'{"type":"flood"}', "flood"),
        ("acme", b'{"type":"event","id":"1","name":"x","source":"s","account_id":5}', "account_id"),
        ("", b'{"type":"event","id":"1","name":"x","source":"s"}', "neither an account"),
        ("acme", b'{"type":"event","id":"1","name":"x","source":"s","account_id":"acme","properties":{"a":"\\u0000"}}', "U+0000"),
        (
            "acme",
            b'{"type":"event","id":"1","name":"x","source":"s","account_id":"a","occurred_at":-99999999999999999}',
            "year 1",
        ),
    ],
)
async def test_a_record_that_cannot_be_read_is_kept_and_the_partition_goes_on(
    scene: Scene, key: str, value: bytes, reason: str
) -> None:
    await scene.send((key, value))
    await scene.send(("acme", encode(scene.event("urgent.created"))))
    async with scene.working():
        await scene.settled()
    [letter] = await scene.rows(tables.dead_letter)
    assert (letter["kind"], bytes(letter["value"])) == ("record", value)
    assert letter["origin"].startswith("events/")
    assert reason in letter["reason"]
    assert [run.account_id for run in await scene.runs()] == ["acme"]


async def test_an_event_at_which_a_play_breaks_is_given_up_alone(scene: Scene) -> None:
    await scene.send(
        scene.event("urgent.created", id="1"),
        scene.event("broken", id="2"),
        scene.event("urgent.created", id="3"),
        scene.event("urgent.created", "zen", id="4"),
        scene.event("broken", "new", id="5"),
    )
    async with scene.working():
        await scene.settled()
        await scene.send(scene.event("report.exported", id="6"))
        await scene.settled()
    assert {run.run_id for run in await scene.runs()} == {"urgent/acme/1", "urgent/acme/3", "urgent/zen/4"}
    letters = await scene.rows(tables.dead_letter)
    assert {letter["reason"] for letter in letters} == {"PlayBroken: this play cannot take it"}
    assert len(letters) == 2
    assert await seen(scene) == 3
    # Nothing of the broken step stays, and a letter that is redriven is no repeat.
    assert {row["account_id"]: row["traits"] for row in await scene.rows(tables.account)} == {
        "acme": '{"id":"acme"}',
        "zen": '{"id":"zen"}',
    }
    assert await scene.count(tables.event, name="broken") == 0


async def test_a_deadline_at_which_a_play_breaks_is_given_up_and_time_goes_on(scene: Scene) -> None:
    class Cursed(Counting):
        def take(self, account: Account, event: Event, effects: Effects, at: int | None = None) -> None:
            super().take(account, event, effects)
            for document in account.subjects.values():
                document.next_deadline = event.received_at + 1_000

    await scene.send(scene.event(traits={"curse": True}))
    async with scene.working(make_engine=Cursed):

        async def given_up() -> bool:
            return await scene.count(tables.dead_letter) == 1

        await until(given_up, "a dead letter for the deadline")
        await scene.settled()
    [letter] = await scene.rows(tables.dead_letter)
    assert letter["reason"] == "PlayBroken: time does not pass here"
    assert [row["next_deadline"] for row in await scene.rows(tables.subject)] == [None]


async def test_plays_that_cannot_be_used_leave_the_old_ones_active(scene: Scene) -> None:
    def picky(applied: Applied, paused: frozenset[str]) -> Counting:
        if any(play.play == "bad" for play in applied.plays):
            raise ValueError("no such condition")
        return Counting(applied, paused)

    await scene.tell_all(plays("good"))
    await scene.tell_all(plays("bad"))
    await scene.send(scene.event())
    async with scene.working(make_engine=picky):
        await scene.settled()
    [subject] = await scene.rows(tables.subject)
    assert '"plays":["good"]' in subject["document"]
    letters = await scene.rows(tables.dead_letter)
    assert len(letters) == await scene.log.partitions("events")


async def test_a_record_that_the_database_refuses_becomes_a_dead_letter_and_its_neighbours_do_not(scene: Scene) -> None:
    # Longer than an entry of an index can be on PostgreSQL; SQLite takes it.
    chance = random.Random(1)
    endless = "".join(chr(chance.randint(0x4E00, 0x9FFF)) for _ in range(9_000))
    await scene.send(scene.event("urgent.created"), scene.event("urgent.created", endless), scene.event("urgent.created", "zen"))
    async with scene.working():
        await scene.settled()
    refused = scene.database.dialect.name == "postgresql"
    assert await scene.count(tables.dead_letter) == (1 if refused else 0)
    assert {run.account_id for run in await scene.runs()} >= {"acme", "zen"}
    assert await scene.count(tables.event, account_id="acme") == 1


async def test_a_record_at_which_we_fail_is_tried_so_often_and_then_its_neighbours_go_on_without_it(scene: Scene) -> None:
    class Stumbling(Counting):
        stumbled = 0

        def touches(self, event: Event) -> Touch:
            if event.name == "stone":
                Stumbling.stumbled += 1
                raise RuntimeError("nobody thought of this")
            return super().touches(event)

    deep = (
        b'{"type":"event","id":"1","name":"x","source":"s","account_id":"acme","traits":'
        + b'{"a":' * 50_000
        + b"1"
        + b"}" * 50_001
    )
    await scene.send(*(scene.event("urgent.created") for _ in range(3)), scene.event("stone"), ("acme", deep))
    await scene.send(*(scene.event("urgent.created") for _ in range(3)))
    async with scene.working(make_engine=Stumbling, bounds=replace(QUICK, tries=2)) as worker:
        await scene.settled()
        assert worker.healthy
    letters = {letter["reason"] for letter in await scene.rows(tables.dead_letter)}
    assert "RuntimeError 2 times: nobody thought of this" in letters
    assert [letter.partition(":")[0] for letter in sorted(letters)] == ["RecursionError 2 times", "RuntimeError 2 times"]
    # Twice alone, and before that with others, in ever smaller company.
    assert 2 < Stumbling.stumbled < 8
    assert len({run.run_id for run in await scene.runs()}) == await scene.count(tables.run) == 6


# ------------------------------------------------------------------ the database is away


async def test_the_database_goes_away_and_comes_back(scene: Scene) -> None:
    async with scene.working() as worker:
        await scene.send(scene.event("urgent.created"))
        await scene.settled()
        async with scene.database.begin() as connection:
            await connection.execute(text("ALTER TABLE event RENAME TO event_away"))
        await scene.send(*(scene.event("urgent.created") for _ in range(5)))

        async def fails() -> bool:
            return not worker.healthy

        await until(fails, "the worker sees that the table is gone")
        async with scene.database.begin() as connection:
            await connection.execute(text("ALTER TABLE event_away RENAME TO event"))
        await scene.send(scene.event("urgent.created"))
        await scene.settled()
        assert worker.healthy
    assert sorted(run.run_id for run in await scene.runs()) == [f"urgent/acme/e{number}" for number in range(1, 8)]
    assert await seen(scene) == 7


async def test_a_commit_whose_answer_was_lost_is_not_done_again(database: AsyncEngine) -> None:
    owned = await take_over(database)
    event = Event(id="1", name="urgent.created", source="test", account_id="acme")
    await take(database, owned, event)
    # The worker never heard that it was stored: its memory still has the record, at the old offset.
    owned.pending.append(Record(0, 0, 1_000, "acme", encode(event)))
    owned.next_offset = 0
    async with database.begin() as connection:
        stored = await store.progress(connection, 0, owned.epoch)
    assert stored is not None
    owned.put_back(stored)
    assert (owned.next_offset, list(owned.pending), owned.outbox_waiting) == (1, [], True)


def test_a_broken_rule_of_the_tables_is_a_refusal_and_a_lost_connection_is_not() -> None:
    assert refuses_rows(IntegrityError("", None, Exception()))
    assert not refuses_rows(ConnectionResetError())


async def test_a_worker_without_partitions_idles(database: AsyncEngine, scene: Scene) -> None:
    stop = asyncio.Event()
    worker = Worker(database, scene.log, wall_clock, stop, make_engine=Counting, bounds=QUICK)
    running = asyncio.create_task(worker.run())

    async def idle() -> bool:
        return worker.healthy

    await until(idle, "a first round")
    stop.set()
    await asyncio.wait_for(running, 20)
