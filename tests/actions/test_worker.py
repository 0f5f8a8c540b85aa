"""Leases, retries and dead letters, on both databases."""

import asyncio
from pathlib import Path

import pytest

from services.actions.carry import Carried
from services.actions.group_commit import StaleLease
from services.actions.store import Leased
from services.actions.worker import Worker
from shared.db.tables import dead_letter, delivery
from shared.instants import DAY, MINUTE, SECOND
from shared.outbound.outcomes import Delivered
from shared.outbound.retry import MAX_LOST
from tests.actions.scene import TASK, Stage, Tool, end_now, hooks, lease_one, run_opened, task_to


class DiesBeforeWriting(Worker):
    """A worker that is gone between sending and writing down."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(
            "w0", stage.database, stage.clock, stage.http, jitter=lambda: 0.0, wake=stage.wake, metrics=stage.metrics
        )

    async def write(self, leased: Leased, end: object) -> None:
        return


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
        await end_now(stage, frozen, late)
    assert (await stage.deliveries(), await stage.attempts(), await stage.tasks()) == before


@pytest.mark.slow
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


async def test_a_delivery_that_takes_its_workers_down_is_given_up(stage: Stage) -> None:
    await stage.take(run_opened(TASK))
    for _ in range(MAX_LOST + 1):
        await stage.work(DiesBeforeWriting(stage))
        stage.clock.pass_time(MINUTE + 1)
    await stage.work()
    [letter] = await stage.letters()
    assert letter.reason == "its worker was lost more than 20 times while it was carried out"
    assert await stage.states() == [("0", "dead")]


async def test_a_delivery_lost_a_few_times_still_goes_out(stage: Stage) -> None:
    await stage.take(run_opened(TASK))
    for _ in range(MAX_LOST):
        await stage.work(DiesBeforeWriting(stage))
        stage.clock.pass_time(MINUTE + 1)
    await stage.work()
    assert await stage.states() == [("0", "delivered")]


async def test_a_connector_that_breaks_is_a_failed_try(stage: Stage) -> None:
    broken = run_opened({"task": {"to": "inbox", "title": "x", "due": "2 working days"}})
    await stage.workspace(people={"ana@acme.example": {"timezone": "Mars/Olympus"}})
    await stage.take(broken)
    await stage.work()
    [row] = await stage.attempts()
    assert (row.outcome, row.reason) == ("failed", "it could not be carried out (ZoneInfoNotFoundError)")
    assert await stage.states() == [("0", "waiting")]
