"""From records of runs to deliveries, in order, until the run resolves; on both databases."""

from pathlib import Path

from services.actions.carry import carry_out
from services.actions.ending import end_wait
from services.actions.rendering import People
from services.actions.store import stop_delivery
from services.actions.tokens import Tokens
from shared.db.tables import delivery, partition, run_context, task
from shared.instants import DAY, HOUR, SECOND
from shared.log.contract import Record
from shared.records import RunGoal
from tests.actions.scene import MONDAY, TASK, Stage, Tool, end_now, hooks, lease_one, run_opened, run_resolved, task_to, unique

WAIT_3D = {"wait": {"for": "3d"}}


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


async def test_what_became_of_a_goal_delivers_nothing_and_stops_nothing(stage: Stage) -> None:
    goal = RunGoal(run_id="run-1", account_id="acme", play="usage-drop", at=MONDAY, outcome="reached")
    await stage.take(run_opened(TASK), goal)
    await stage.work()
    assert await stage.states() == [("0", "delivered")]
    assert await stage.letters() == []


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
    carried = await carry_out(leased, stage.worker.workspace, stage.http, stage.clock, tokens=Tokens())
    await end_now(stage, leased, carried)
    [found] = await stage.tasks()
    assert (found.state, found.closed_because) == ("cancelled", "cleared")
    assert await stage.states() == [("0", "delivered")]


async def test_a_task_that_is_leased_just_before_its_run_stops_it_goes_its_way(stage: Stage) -> None:
    await stage.take(run_opened(TASK))
    leased = await lease_one(stage)
    async with stage.database.begin() as connection:
        # As if it had been looked up while it was still waiting.
        await stop_delivery(connection, leased.delivery_id, "the run resolved: left", stage.clock())
    assert await stage.states() == [("0", "leased")]


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


async def test_a_wait_that_was_looked_at_while_its_run_resolved_is_stopped(stage: Stage) -> None:
    await stage.take(run_opened({"wait": {"for": "3d", "until": "done"}}, TASK))
    async with stage.database.begin() as connection:
        await connection.execute(delivery.update().values(due_at=stage.clock()))
    leased = await lease_one(stage)
    await stage.take(run_resolved())
    async with stage.database.begin() as connection:
        await end_wait(connection, leased, People(), stage.clock())
    [row] = await stage.deliveries()
    assert (row.state, row.reason) == ("stopped", "the run resolved: cleared")


async def test_bytes_that_are_no_record_are_buried(stage: Stage) -> None:
    await stage.take(run_opened(TASK))
    garbage = {0: [Record(0, 1, MONDAY, "acme", b"\xff not a record")]}
    await stage.consumer.take(garbage)
    [letter] = await stage.letters()
    assert (letter.origin, letter.value) == ("runs/0/1", b"\xff not a record")
    [row] = await stage.rows(partition)
    assert row.next_offset == 2
