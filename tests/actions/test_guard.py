"""What is held though its run is in order: past the guard, while no events come, for a muted account; on both databases."""

from typing import Any

from sqlalchemy import insert

from services.console.store.mutes import lift_mute, set_mute
from shared.db.tables import account, decision, delivery, heard
from shared.instants import DAY, HOUR, MINUTE, SECOND
from shared.records import Guard, RunOpened
from tests.actions.scene import MONDAY, TASK, Stage, run_opened, run_resolved

TWO_A_DAY = Guard(max_runs=2)
FRESH_6H = Guard(fresh=6 * HOUR, names=("report.*",))


def opened(number: int, at: int = MONDAY, **fields: Any) -> RunOpened:
    return run_opened(TASK, run_id=f"run-{number}", at=at, account_id=f"a{number}", **fields)


async def held(stage: Stage) -> list[str]:
    rows = await stage.rows(delivery, delivery.c.run_id)
    return [row.run_id for row in rows if row.state == "held"]


async def set_heard(stage: Stage, name: str, at: int, partition: int = 0) -> None:
    async with stage.database.begin() as connection:
        await connection.execute(heard.delete().where(heard.c.name == name, heard.c.partition == partition))
        await connection.execute(insert(heard).values(name=name, partition=partition, at=at))


async def mute(stage: Stage, until: int, account_id: str = "acme") -> None:
    async with stage.database.begin() as connection:
        await set_mute(connection, account_id, until=until, reason="in talks with legal", by="ana", now=stage.clock())


async def test_runs_past_the_guard_are_held_and_say_so(stage: Stage) -> None:
    await stage.take(*(opened(number, guard=TWO_A_DAY) for number in range(3)))
    await stage.work()
    assert await held(stage) == ["run-2"]
    assert len(await stage.tasks()) == 2
    [row] = await stage.rows(decision)
    assert (row.account_id, row.reason, row.at) == ("a2", "guard", MONDAY)
    assert row.detail == {"run_id": "run-2", "held": "guard.max_runs: 2 runs of usage-drop went out in 1d, at most 2 may"}


async def test_the_guard_counts_what_went_out_in_the_span_before_each_run(stage: Stage) -> None:
    hours = [0, 1, 2, 24, 25, 26]  # 0 and 1 go; 2 is past it; at 24 that of 0 is a day ago, at 25 that of 1
    await stage.take(*(opened(number, MONDAY + hour * HOUR, guard=TWO_A_DAY) for number, hour in enumerate(hours)))
    assert await held(stage) == ["run-2", "run-5"]


async def test_a_run_exactly_a_span_later_has_room_again_and_one_before_has_not(stage: Stage) -> None:
    for number, at in enumerate((MONDAY, MONDAY + HOUR, MONDAY + DAY - 1, MONDAY + DAY)):
        await stage.take(opened(number, at, guard=TWO_A_DAY))
    assert await held(stage) == ["run-2"]


async def test_the_guard_counts_across_batches_and_a_repeated_record_only_once(stage: Stage) -> None:
    await stage.take(opened(0, guard=TWO_A_DAY))
    await stage.take(opened(0, guard=TWO_A_DAY))
    await stage.take(opened(1, guard=TWO_A_DAY))
    assert await held(stage) == []
    await stage.take(opened(2, guard=TWO_A_DAY), opened(0, guard=TWO_A_DAY))
    assert await held(stage) == ["run-2"]


async def test_plays_do_not_share_a_guard(stage: Stage) -> None:
    await stage.take(*(opened(number, guard=TWO_A_DAY, play=f"play-{number % 2}") for number in range(4)))
    assert await held(stage) == []


async def test_without_a_guard_a_play_has_a_hundred_runs_a_day(stage: Stage) -> None:
    await stage.take(*(opened(number, guard=None) for number in range(101)))
    assert await held(stage) == ["run-100"]


async def test_or_a_tenth_of_all_accounts_where_that_is_more(stage: Stage) -> None:
    row = {"partition": 0, "traits": "{}", "first_seen_at": MONDAY}
    async with stage.database.begin() as connection:
        await connection.execute(insert(account), [{"account_id": f"a{number}", **row} for number in range(1_010)])
    await stage.take(*(opened(number, guard=None) for number in range(102)))
    assert await held(stage) == ["run-101"]


async def test_what_the_guard_holds_is_dropped_when_its_run_resolves(stage: Stage) -> None:
    await stage.take(opened(0, guard=Guard(max_runs=0)))
    assert await held(stage) == ["run-0"]
    await stage.take(run_resolved("run-0"))
    await stage.work()
    assert (await stage.states(), await stage.tasks()) == ([("0", "stopped")], [])


async def test_without_events_of_anybody_for_so_long_deliveries_are_held(stage: Stage) -> None:
    await set_heard(stage, "report.exported", MONDAY - 6 * HOUR - 1)
    await set_heard(stage, "user.login", MONDAY)
    await stage.take(opened(0, guard=FRESH_6H))
    await stage.work()
    assert await held(stage) == ["run-0"]
    [row] = await stage.deliveries()
    assert row.reason.startswith("guard.fresh: no account has sent report.* since 2026-03-02T02:59:59.999999Z, for more than 6h")


async def test_an_event_of_another_account_shows_that_the_pipe_is_whole(stage: Stage) -> None:
    await set_heard(stage, "report.exported", MONDAY - 7 * HOUR)
    await set_heard(stage, "report.exported", MONDAY - 6 * HOUR, partition=1)
    await stage.take(opened(0, guard=FRESH_6H))
    await stage.work()
    assert len(await stage.tasks()) == 1


async def test_when_events_come_again_it_goes_out_a_quarter_of_an_hour_later(stage: Stage) -> None:
    await set_heard(stage, "report.exported", MONDAY - DAY)
    await stage.take(opened(0, guard=FRESH_6H))
    stage.clock.pass_time(HOUR)
    await stage.work()
    assert await held(stage) == ["run-0"]
    await set_heard(stage, "report.exported", MONDAY + HOUR)
    stage.clock.pass_time(MINUTE)
    await stage.work()
    assert await stage.states() == [("0", "waiting")]
    stage.clock.pass_time(15 * MINUTE - 1)
    await stage.work()
    assert await stage.tasks() == []
    stage.clock.pass_time(1)
    await stage.work()
    assert len(await stage.tasks()) == 1


async def test_a_run_that_resolves_when_events_come_again_is_never_heard_of(stage: Stage) -> None:
    await set_heard(stage, "report.exported", MONDAY - DAY)
    await stage.take(opened(0, guard=FRESH_6H))
    await set_heard(stage, "report.exported", MONDAY + SECOND)
    stage.clock.pass_time(2 * MINUTE)
    await stage.work()
    await stage.take(run_resolved("run-0"))
    stage.clock.pass_time(HOUR)
    await stage.work()
    assert (await stage.states(), await stage.tasks()) == ([("0", "stopped")], [])


async def test_a_muted_account_gets_nothing_until_the_mute_ends(stage: Stage) -> None:
    await mute(stage, until=MONDAY + DAY)
    await stage.take(run_opened(TASK), run_opened(TASK, run_id="other", account_id="globex"))
    await stage.work()
    assert [row.account_id for row in await stage.tasks()] == ["globex"]
    stage.clock.pass_time(DAY - 1)
    await stage.work()
    assert await held(stage) == ["run-1"]
    [row] = [row for row in await stage.deliveries() if row.state == "held"]
    assert row.reason == "muted until 2026-03-03T09:00:00Z: in talks with legal"
    stage.clock.pass_time(1)
    await stage.work()
    assert len(await stage.tasks()) == 2


async def test_a_mute_that_is_made_longer_holds_longer(stage: Stage) -> None:
    await mute(stage, until=MONDAY + HOUR)
    await stage.take(run_opened(TASK))
    await stage.work()
    await mute(stage, until=MONDAY + DAY)
    stage.clock.pass_time(HOUR)
    await stage.work()
    assert await held(stage) == ["run-1"]


async def test_a_mute_that_is_lifted_lets_go_what_it_held(stage: Stage) -> None:
    await mute(stage, until=MONDAY + DAY)
    await stage.take(run_opened(TASK))
    await stage.work()
    async with stage.database.begin() as connection:
        assert await lift_mute(connection, "acme", stage.clock())
        assert not await lift_mute(connection, "acme", stage.clock())
    await stage.work()
    assert len(await stage.tasks()) == 1


async def test_a_run_that_resolves_under_a_mute_leaves_nothing_to_go_out(stage: Stage) -> None:
    await mute(stage, until=MONDAY + DAY)
    await stage.take(run_opened(TASK))
    await stage.work()
    await stage.take(run_resolved())
    stage.clock.pass_time(2 * DAY)
    await stage.work()
    assert (await stage.states(), await stage.tasks()) == ([("0", "stopped")], [])


async def test_waits_of_a_muted_account_go_on(stage: Stage) -> None:
    await mute(stage, until=MONDAY + 10 * DAY)
    await stage.take(run_opened({"wait": {"for": "1d"}}, TASK))
    stage.clock.pass_time(DAY)
    await stage.work()
    await stage.work()
    assert await stage.states() == [("0", "delivered"), ("1", "held")]
