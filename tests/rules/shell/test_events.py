"""Events of known accounts: taken once, in order, with all that they decide."""

import msgspec

from shared.db import tables
from shared.instants import SECOND
from shared.records import Applied, AppliedPlay, Paused, Resumed, RunGoal
from shared.topics import EVENTS
from tests.rules.shell.conftest import Scene, until
from tests.rules.shell.counting import Counting


async def seen(scene: Scene, account: str = "acme", kind: str = "account") -> int:
    rows = await scene.rows(tables.subject, account_id=account, kind=kind)
    return sum(msgspec.json.decode(row["document"])["metrics"]["seen"] for row in rows)


async def test_an_event_is_kept_counted_and_published(scene: Scene) -> None:
    await scene.send(scene.event("urgent.created", properties={"severity": 1}, traits={"plan": "pro"}, user_id="jo"))
    async with scene.working():
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["name"], stored["properties"], stored["user_id"]) == ("urgent.created", '{"severity":1}', "jo")
    [account] = await scene.rows(tables.account)
    assert (account["traits"], account["first_seen_at"]) == ('{"id":"acme","plan":"pro"}', stored["received_at"])
    assert await seen(scene) == await seen(scene, kind="user") == 1
    [run] = await scene.runs()
    assert (run.run_id, run.opened_at, run.account) == ("urgent/acme/e1", stored["received_at"], {"plan": "pro", "id": "acme"})
    [row] = await scene.rows(tables.run)
    assert (row["run_id"], row["evidence"], row["resolved_at"]) == ("urgent/acme/e1", {"seen": 1}, None)


async def test_a_run_that_resolves_is_resolved_in_the_database_and_in_the_log(scene: Scene) -> None:
    opening = scene.event("urgent.created")
    await scene.send(opening, scene.event("urgent.solved", properties={"of": opening.id}))
    async with scene.working():
        await scene.settled()
    [row] = await scene.rows(tables.run)
    assert row["resolution"] == "cleared"
    assert row["resolved_at"] is not None
    assert [type(record).__name__ for record in await scene.runs()] == ["RunOpened", "RunResolved"]


async def test_what_became_of_a_runs_goal_is_kept_with_it_and_published(scene: Scene) -> None:
    opening = scene.event("urgent.created")
    await scene.send(opening, scene.event("urgent.created"), scene.event("urgent.thanked", properties={"of": opening.id}))
    async with scene.working():
        await scene.settled()
    rows = {row["run_id"]: (row["goal"], row["goal_at"]) for row in await scene.rows(tables.run)}
    [told] = [record for record in await scene.runs() if isinstance(record, RunGoal)]
    assert rows == {f"urgent/acme/{opening.id}": ("reached", told.at), "urgent/acme/e2": (None, None)}
    assert (told.run_id, told.play, told.outcome) == (f"urgent/acme/{opening.id}", "urgent", "reached")


async def test_a_repeat_is_dropped_in_its_batch_in_a_later_one_and_after_a_restart(scene: Scene) -> None:
    event = scene.event("urgent.created")
    await scene.send(event, event)
    async with scene.working():
        await scene.settled()
        await scene.send(event)
        await scene.settled()
    async with scene.working():
        await scene.send(event)
        await scene.settled()
    assert await scene.count(tables.event) == await seen(scene) == len(await scene.runs()) == 1


async def test_two_equal_events_with_different_ids_are_two(scene: Scene) -> None:
    await scene.send(scene.event("urgent.created"), scene.event("urgent.created"))
    async with scene.working():
        await scene.settled()
    assert {run.run_id for run in await scene.runs()} == {"urgent/acme/e1", "urgent/acme/e2"}


async def test_the_same_id_from_another_source_or_of_another_account_is_another_event(scene: Scene) -> None:
    event = scene.event("urgent.created", id="7")
    await scene.send(event, scene.event("urgent.created", id="7", source="other"), scene.event("urgent.created", "zen", id="7"))
    async with scene.working():
        await scene.settled()
    assert await scene.count(tables.event) == 3


async def test_an_event_of_the_future_happened_when_it_was_received_and_an_old_one_when_it_says(scene: Scene) -> None:
    await scene.send(scene.event(id="late", occurred_at=5 * SECOND), scene.event(id="early", occurred_at=4_000_000_000 * SECOND))
    await scene.send(scene.event(id="now"))
    async with scene.working():
        await scene.settled()
    rows = {row["id"]: row for row in await scene.rows(tables.event)}
    assert rows["late"]["occurred_at"] == 5 * SECOND < rows["late"]["received_at"]
    assert rows["early"]["occurred_at"] == rows["early"]["received_at"]
    assert rows["now"]["occurred_at"] == rows["now"]["received_at"]
    assert [rows[name]["position"] for name in ("late", "early", "now")] == [0, 1, 2]


async def test_imported_history_is_received_when_it_occurred(scene: Scene) -> None:
    await scene.send(scene.event(occurred_at=5 * SECOND, imported=True))
    async with scene.working():
        await scene.settled()
    [row] = await scene.rows(tables.event)
    assert (row["received_at"], bool(row["imported"])) == (5 * SECOND, True)
    times = [row["at"] for row in await scene.rows(tables.partition, topic=EVENTS)]
    assert max(times) > 1_000_000_000 * SECOND


async def test_an_event_under_a_foreign_key_goes_to_its_own_account(scene: Scene) -> None:
    await scene.send(("zen", msgspec.json.encode(scene.event("urgent.created"))))
    async with scene.working():
        await scene.settled()
    assert [run.account_id for run in await scene.runs()] == ["acme"]


def plays(*names: str) -> Applied:
    return Applied(plays=[AppliedPlay(play=name, version=1, document={}) for name in names])


async def test_plays_are_active_from_their_record_on_and_after_a_restart(scene: Scene) -> None:
    async def active() -> list[str]:
        [row] = await scene.rows(tables.subject, account_id="acme")
        found: list[str] = msgspec.json.decode(row["document"])["metrics"]["plays"]
        return found

    await scene.send(scene.event())
    async with scene.working():
        await scene.settled()
        assert await active() == []
        await scene.tell_all(plays("urgent"))
        await scene.send(scene.event())
        await scene.settled()
        assert await active() == ["urgent"]
    async with scene.working():
        await scene.send(scene.event())
        await scene.settled()
        assert await active() == ["urgent"]


async def test_a_paused_play_opens_no_run_until_it_is_resumed(scene: Scene) -> None:
    await scene.tell_all(plays("urgent"))
    await scene.tell_all(Paused(play="urgent"))
    await scene.send(scene.event("urgent.created"))
    async with scene.working():
        await scene.settled()
    async with scene.working():
        await scene.send(scene.event("urgent.created"))
        await scene.tell_all(Resumed(play="urgent"))
        await scene.send(scene.event("urgent.created"))
        await scene.settled()
    assert [run.run_id for run in await scene.runs()] == ["urgent/acme/e3"]
    decisions = await scene.rows(tables.decision)
    assert sorted((row["decision_id"], row["reason"]) for row in decisions) == [
        ("urgent/acme/e1", "paused"),
        ("urgent/acme/e2", "paused"),
    ]


async def test_accounts_older_than_the_plays_are_brought_to_them_once_whether_needed_or_not(scene: Scene) -> None:
    for account in ("acme", "zen"):
        await scene.send(scene.event(account=account, id=f"{account}-1"), scene.event("other.seen", account, id=f"{account}-2"))
    async with scene.working():
        await scene.settled()
        await scene.tell_all(plays("usage-drop"))
        await scene.send(scene.event(account="acme", id="acme-3"))
        await scene.settled()

        async def warmed(account: str) -> dict[str, object]:
            [row] = await scene.rows(tables.subject, account_id=account)
            metrics: dict[str, object] = msgspec.json.decode(row["document"])["metrics"]
            return metrics

        async def both() -> bool:
            return "warmed" in await warmed("acme") and "warmed" in await warmed("zen")

        await until(both, "both accounts are brought to the plays")
        assert (await warmed("acme"))["warmed"] == ["acme-1"]
        assert (await warmed("zen"))["warmed"] == ["zen-1"]
        before = await warmed("zen")
        await scene.tell_all(plays("usage-drop"))
        await scene.send(scene.event(account="zen"))
        await scene.settled()
    assert (await warmed("zen"))["warmed_at"] == before["warmed_at"]


async def test_when_a_watched_event_last_came_is_kept_for_the_guards(scene: Scene) -> None:
    def watching(applied: Applied, paused: frozenset[str]) -> Counting:
        return Counting(applied, paused, watched=frozenset({"report.*"}))

    async with scene.working(watching):
        await scene.send(scene.event("report.exported"), scene.event("user.login"), scene.event("report.viewed", account="bolt"))
        await scene.send(scene.event("report.exported", account="bolt"), scene.event("report.printed", imported=True))
        await scene.settled()
    rows = await scene.rows(tables.heard)
    assert {row["name"] for row in rows} == {"report.exported", "report.viewed"}
    last = {row["id"]: row["received_at"] for row in await scene.rows(tables.event)}
    assert max(row["at"] for row in rows if row["name"] == "report.exported") == last["e4"]
