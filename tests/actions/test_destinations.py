"""What a destination can do to its deliveries: missing, paused, gone, busy, broken."""

from pathlib import Path

from shared.db.tables import destination_state
from shared.instants import SECOND
from tests.actions.scene import MONDAY, Stage, Tool, hooks, run_opened, task_to


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
