"""From records of runs to deliveries that went out, on both databases."""

import asyncio
from pathlib import Path

import pytest

from services.actions import store
from services.actions.carry import Carried, carry_out
from services.actions.core.outcomes import Delivered
from services.actions.ending import end_try
from services.actions.group_commit import StaleLease
from services.actions.rendering import People
from services.actions.store import Leased
from services.actions.worker import Worker
from shared.db.tables import dead_letter, delivery, destination_state, partition, run_context, task
from shared.instants import DAY, HOUR, MINUTE, SECOND
from tests.actions.scene import MONDAY, TASK, Stage, Tool, hooks, run_opened, run_resolved, task_to, unique

WAIT_3D = {"wait": {"for": "3d"}}


class DiesBeforeWriting(Worker):
    """A worker that is gone between sending and writing down."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("w0", stage.database, stage.clock, stage.http, jitter=lambda: 0.0, wake=stage.wake)

    async def write(self, leased: Leased, end: object) -> None:
        return


async def lease_one(stage: Stage, worker: str = "w1") -> Leased:
    async with stage.database.begin() as connection:
        due = await store.find_due(connection, stage.clock(), [], 10)
        [leased] = await store.lease(connection, [due[0][0]], worker, stage.clock(), stage.clock() + MINUTE)
    return leased


async def end(stage: Stage, leased: Leased, carried: Carried) -> None:
    async with stage.database.begin() as connection:
        await end_try(connection, leased, carried, People(), started_at=MONDAY, now=stage.clock(), jitter=0)


async def test_a_run_becomes_a_task_with_its_numbers_and_its_owner(stage: Stage) -> None:
    await stage.take(run_opened({"task": {**TASK["task"], "due": "2 working days", "priority": "high"}}))
    await stage.work()
    [found] = await stage.tasks()
    assert (found.title, found.body) == ("Call Acme", "From 25.0 to 12")
    assert (found.assignee, found.assigned_because) == ("ana@acme.example", "account.owner")
    assert (found.state, found.priority, found.due_at) == ("open", "high", MONDAY + 2 * DAY)
    assert await stage.states() == [("0", "delivered")]


async def test_the_same_record_twice_is_one_delivery(stage: Stage) -> None:
    await stage.take(run_opened(TASK), run_opened(TASK))
    await stage.take(run_opened(TASK))
    await stage.work()
    assert await stage.states() == [("0", "delivered")]
    assert len(await stage.tasks()) == 1


async def test_holdout_and_shadow_deliver_nothing(stage: Stage) -> None:
    await stage.take(run_opened(TASK, arm="holdout"), run_opened(TASK, run_id="run-2", arm="shadow"))
    await stage.work()
    assert await stage.states() == []
    assert await stage.rows(run_context) == []


async def test_offsets_are_kept_with_what_came_of_the_records(stage: Stage) -> None:
    await stage.take(run_opened(TASK), run_opened(TASK, run_id="run-2"))
    [row] = await stage.rows(partition)
    assert (row.topic, row.partition, row.epoch, row.next_offset) == ("runs", 0, 1, 2)


async def test_a_worker_whose_partition_was_taken_changes_nothing(stage: Stage) -> None:
    await stage.take(run_opened(TASK))
    assert await Stage(stage.database).consumer._assigned(frozenset({0})) == {0: 1}
    await stage.take(run_opened(TASK, run_id="run-2"))
    assert len(await stage.deliveries()) == 1
    [row] = await stage.rows(partition)
    assert (row.epoch, row.next_offset) == (2, 1)


async def test_a_record_that_cannot_be_used_is_buried_and_the_next_ones_go_on(stage: Stage) -> None:
    await stage.take(run_opened({"dance": {}}), run_opened(TASK, run_id="run-2"))
    [letter] = await stage.letters()
    assert (letter.kind, letter.origin) == ("record", "runs/0/0")
    assert "dance is not a step" in letter.reason
    assert [row.run_id for row in await stage.deliveries()] == ["run-2"]


async def test_steps_go_in_order(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    await stage.take(run_opened(*(task_to("hooks", body=f"step {number}") for number in range(4))))
    await stage.work()
    assert [request.json["data"]["task"]["body"] for request in receiver.ledger] == ["step 0", "step 1", "step 2", "step 3"]
    assert unique(receiver.ids)


async def test_a_step_waits_for_the_one_before_it(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    receiver.says(500, 200)
    await stage.take(run_opened(task_to("hooks"), TASK))
    await stage.work()
    assert await stage.states() == [("0", "waiting")]
    stage.clock.pass_time(5 * SECOND)
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "delivered")]


async def test_retries_keep_the_schedule_and_the_id_until_the_dead_letter(
    stage: Stage, receiver: Tool, secret_file: Path
) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    receiver.says((500, {}, b"out of order"))
    await stage.take(run_opened(task_to("hooks")))
    gaps = []
    for _ in range(10):
        await stage.work()
        [row] = await stage.deliveries()
        gaps.append((row.due_at - stage.clock()) // SECOND)
        stage.clock.now = max(row.due_at, stage.clock())
    hours = [gap / 3600 for gap in gaps[3:-1]]
    assert (gaps[:3], hours) == ([5, 300, 1800], [2, 5, 10, 14, 20, 24])
    assert len(receiver.ledger) == 10
    assert len(set(receiver.ids)) == 1
    assert len({request.body for request in receiver.ledger}) == 1
    [letter] = await stage.letters()
    assert letter.reason == "failed 10 times; the last: answered 500"
    assert b"out of order" in letter.value
    assert await stage.states() == [("0", "dead")]


async def test_a_redriven_delivery_begins_a_new_schedule(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    receiver.says(500)
    await stage.take(run_opened(task_to("hooks")))
    for _ in range(10):
        await stage.work()
        stage.clock.pass_time(DAY)
    assert await stage.states() == [("0", "dead")]
    async with stage.database.begin() as connection:
        await connection.execute(dead_letter.update().values(redriven_at=stage.clock()))
        await connection.execute(delivery.update().values(state="waiting", due_at=stage.clock()))
    await stage.work()
    assert await stage.states() == [("0", "waiting")]
    receiver.says(200)
    stage.clock.pass_time(5 * SECOND)
    await stage.work()
    assert await stage.states() == [("0", "delivered")]
    assert len(set(receiver.ids)) == 1


async def test_a_kill_after_sending_sends_the_same_id_again(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    await stage.take(run_opened(task_to("hooks")))
    killed = DiesBeforeWriting(stage)
    await stage.work(killed)
    assert await stage.states() == [("0", "leased")]
    survivor = stage.another_worker("w2")
    stage.clock.pass_time(MINUTE)
    await stage.work(survivor)
    assert len(receiver.ids) == 1
    stage.clock.pass_time(1)
    await stage.work(survivor)
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert await stage.states() == [("0", "delivered")]


async def test_a_worker_that_froze_past_its_lease_writes_nothing(stage: Stage) -> None:
    await stage.take(run_opened(TASK, TASK))
    frozen = await lease_one(stage)
    stage.clock.pass_time(MINUTE + 1)
    await stage.work(stage.another_worker("w2"))
    before = (await stage.deliveries(), await stage.attempts(), await stage.tasks())
    late = Carried(Delivered(external_id="late"))
    with pytest.raises(StaleLease):
        await end(stage, frozen, late)
    assert (await stage.deliveries(), await stage.attempts(), await stage.tasks()) == before


async def test_twenty_workers_finish_each_of_2000_deliveries_once(stage: Stage) -> None:
    await stage.take(*(run_opened(TASK, run_id=f"run-{number}") for number in range(2000)))
    workers = [stage.another_worker(f"w{number}") for number in range(20)]

    async def work(number: int) -> None:
        await stage.work(workers[number])

    await asyncio.gather(*(work(number) for number in range(20)))
    await stage.work()
    assert {state for _, state in await stage.states()} == {"delivered"}
    attempts = await stage.attempts()
    assert len(attempts) == 2000
    assert {row.attempt for row in attempts} == {1}
    assert len(await stage.tasks()) == 2000


async def test_waits_count_from_when_the_run_opened_or_the_wait_was_reached(stage: Stage) -> None:
    stage.clock.pass_time(DAY)  # the record is read a day late
    await stage.take(run_opened(WAIT_3D, TASK))
    stage.clock.now = MONDAY + 3 * DAY - 1
    await stage.work()
    assert await stage.states() == [("0", "waiting")]
    stage.clock.pass_time(1)
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "delivered")]


async def test_a_run_that_resolves_stops_what_has_not_gone_out_and_closes_its_tasks(stage: Stage) -> None:
    await stage.take(run_opened(TASK, WAIT_3D, TASK))
    await stage.work()
    await stage.take(run_resolved())
    stage.clock.pass_time(4 * DAY)
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "stopped")]
    [found] = await stage.tasks()
    assert (found.state, found.closed_because) == ("cancelled", "cleared")


async def test_only_a_cleared_run_closes_its_tasks(stage: Stage) -> None:
    for reason in ("left", "expired", "edited", "archived", "ended", "resolved"):
        await stage.take(run_opened(TASK, run_id=reason))
        await stage.work()
        await stage.take(run_resolved(reason, reason))
    await stage.take(run_opened(TASK, run_id="kept", on_resolve="nothing"))
    await stage.work()
    await stage.take(run_resolved("kept"))
    assert {found.state for found in await stage.tasks()} == {"open"}


async def test_a_run_that_resolved_before_its_task_went_out_makes_none(stage: Stage) -> None:
    await stage.take(run_opened(TASK), run_resolved())
    await stage.work()
    assert await stage.states() == [("0", "stopped")]
    assert await stage.tasks() == []


async def test_a_task_that_was_on_its_way_while_its_run_cleared_is_closed(stage: Stage) -> None:
    await stage.take(run_opened(TASK, TASK))
    leased = await lease_one(stage)
    await stage.take(run_resolved())
    await stage.worker.sweep()
    carried = await carry_out(leased, stage.worker.workspace, stage.http, stage.clock)
    await end(stage, leased, carried)
    [found] = await stage.tasks()
    assert (found.state, found.closed_because) == ("cancelled", "cleared")
    assert await stage.states() == [("0", "delivered")]


async def test_a_failed_try_of_a_run_that_resolved_is_not_tried_again(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    receiver.says(500)
    await stage.take(run_opened(task_to("hooks")))
    await stage.work()
    await stage.take(run_resolved())
    assert await stage.states() == [("0", "stopped")]
    stage.clock.pass_time(HOUR)
    await stage.work()
    assert len(receiver.ledger) == 1


async def test_wait_until_resolved_then_stop(stage: Stage) -> None:
    #  wait ── 1 d: resolved ── stop         wait ── 3 d: time is up ── task
    wait = {"wait": {"for": "3d", "until": "resolved", "then": "stop"}}
    await stage.take(run_opened(wait, TASK), run_opened(wait, TASK, run_id="run-2"))
    await stage.work()
    stage.clock.pass_time(DAY)
    await stage.take(run_resolved())
    await stage.work()
    stage.clock.pass_time(2 * DAY)
    await stage.work()
    assert [(row.run_id, row.step, row.state) for row in await stage.rows(delivery, delivery.c.run_id, delivery.c.step)] == [
        ("run-1", "0", "delivered"),
        ("run-2", "0", "delivered"),
        ("run-2", "1", "delivered"),
    ]


async def test_wait_until_resolved_goes_on_only_when_the_condition_cleared(stage: Stage) -> None:
    wait = {"wait": {"until": "resolved"}}
    await stage.take(run_opened(wait, TASK, TASK), run_opened(wait, TASK, run_id="run-2"))
    await stage.work()
    await stage.take(run_resolved(), run_resolved("run-2", "edited"))
    await stage.work()
    tasks = await stage.tasks()
    assert [found.run_id for found in tasks] == ["run-1", "run-1"]


async def test_wait_until_done(stage: Stage) -> None:
    await stage.take(run_opened(TASK, {"wait": {"until": "done", "for": "7d", "then": "stop"}}, TASK))
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "waiting")]
    async with stage.database.begin() as connection:
        await connection.execute(task.update().values(state="done", closed_at=stage.clock()))
    stage.clock.pass_time(2 * SECOND)
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "delivered")]


async def test_wait_for_a_date_that_is_missing_is_a_dead_letter(stage: Stage) -> None:
    await stage.take(run_opened({"wait": {"until_date": "60d before account.renewal_date"}}, TASK))
    await stage.work()
    assert await stage.states() == [("0", "dead")]
    [letter] = await stage.letters()
    assert letter.reason == "account.renewal_date is missing"


async def test_if_is_judged_when_it_is_reached(stage: Stage) -> None:
    rich = {
        "if": {"account.mrr": {"at_least": 1000}},
        "then": [task_to("inbox", body="rich")],
        "else": [task_to("inbox", body="poor")],
    }
    await stage.take(
        run_opened(rich),
        run_opened(rich, run_id="run-2", account={"id": "b", "name": "B", "mrr": 10}),
        run_opened(rich, run_id="run-3", account={"id": "c", "name": "C"}),
    )
    await stage.work()
    assert sorted((found.run_id, found.body) for found in await stage.tasks()) == [
        ("run-1", "rich"),
        ("run-2", "poor"),
        ("run-3", "poor"),
    ]


async def test_a_bad_template_is_a_dead_letter_that_names_the_path(stage: Stage) -> None:
    await stage.take(run_opened(task_to("inbox", body="{{ account.nickname }}")))
    await stage.work()
    [letter] = await stage.letters()
    assert letter.reason == "body: account.nickname is undefined"
    assert await stage.tasks() == []


async def test_an_unknown_destination_holds_until_the_workspace_has_it(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.take(run_opened(task_to("hooks")))
    await stage.work()
    [row] = await stage.deliveries()
    assert (row.state, row.reason) == ("held", "destination hooks is not in successplays.yaml")
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    await stage.work()
    assert await stage.states() == [("0", "delivered")]


async def test_a_missing_secret_holds_until_it_is_there(stage: Stage, receiver: Tool, tmp_path: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, tmp_path / "later")})
    await stage.take(run_opened(task_to("hooks")))
    await stage.work()
    [row] = await stage.deliveries()
    assert row.state == "held"
    assert row.reason.endswith("later is not set")
    (tmp_path / "later").write_text("a plain secret")
    await stage.work()
    assert await stage.states() == [("0", "delivered")]


async def test_401_pauses_the_destination_and_410_disables_it(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"a": hooks(receiver, secret_file), "b": hooks(receiver, secret_file)})
    for status, name, state in ((401, "a", "paused"), (410, "b", "disabled")):
        receiver.says(status)
        await stage.take(run_opened(task_to(name), run_id=name), run_opened(task_to(name), run_id=f"{name}2"))
        await stage.work()
        rows = {row.destination: row.state for row in await stage.rows(destination_state)}
        assert rows[name] == state
    before = len(receiver.ledger)
    receiver.says(200)
    await stage.work()
    assert {row.state for row in await stage.deliveries()} == {"held"}
    assert len(receiver.ledger) == before
    async with stage.database.begin() as connection:
        await connection.execute(destination_state.update().values(state="active", reason=None))
    await stage.work()
    assert {row.state for row in await stage.deliveries()} == {"delivered"}


async def test_429_waits_as_asked_and_does_not_count(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file)})
    receiver.says((429, {"retry-after": "90"}, b""))
    await stage.take(run_opened(task_to("hooks")))
    for _ in range(15):
        await stage.work()
        [row] = await stage.deliveries()
        assert (row.state, row.due_at - stage.clock()) == ("waiting", 90 * SECOND)
        stage.clock.now = row.due_at
    receiver.says(200)
    await stage.work()
    assert await stage.states() == [("0", "delivered")]


async def test_one_broken_destination_does_not_delay_another(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    broken = {**hooks(receiver, secret_file), "url": "http://127.0.0.1:1/"}
    await stage.workspace(destinations={"broken": broken, "hooks": hooks(receiver, secret_file)})
    await stage.take(*(run_opened(task_to("broken"), run_id=f"b{number}") for number in range(100)))
    await stage.take(run_opened(task_to("hooks"), run_id="good", at=MONDAY))
    await stage.work()
    assert len(receiver.ledger) == 1
    tried = sum(row.attempt > 0 for row in await stage.deliveries() if row.destination == "broken")
    assert tried < 30


async def test_no_more_than_its_limit_goes_to_a_destination_at_once(stage: Stage, receiver: Tool, secret_file: Path) -> None:
    await stage.workspace(destinations={"hooks": hooks(receiver, secret_file, concurrency=2)})
    await stage.take(*(run_opened(task_to("hooks"), run_id=f"r{number}") for number in range(9)))
    await stage.worker.sweep()
    assert await stage.worker.begin_due() == 2
    assert await stage.worker.begin_due() == 0
    await stage.work()
    assert len(receiver.ledger) == 9
