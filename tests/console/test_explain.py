"""Explaining over HTTP: the answer of the rules, with what became of the play's runs."""

from shared.db.tables import account, delivery, mute, play, play_version, run
from shared.instants import HOUR, show_instant
from tests.console.conftest import NOW, Console
from tests.console.test_records import a_delivery, a_run, write


async def a_play_and_an_account(console: Console) -> None:
    await write(console, play, {"play": "drop", "version": 1, "archived": False, "paused": False})
    version = {"play": "drop", "version": 1, "document": "{}", "source": "", "applied_at": NOW, "applied_by": "us"}
    await write(console, play_version, version)
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": "{}", "first_seen_at": NOW})


async def test_the_answer_of_the_rules_with_runs_and_what_was_held_of_them(console: Console):
    await a_play_and_an_account(console)
    await write(console, run, a_run("r1"), a_run("r2", hour=2, subject="ann"), a_run("r3", account_id="other"))
    await write(console, delivery, {**a_delivery("d1", "held"), "run_id": "r1", "reason": "guard: 50 runs a day"})
    found = await console.get("/plays/drop/explain", account="acme")
    assert (found["verdict"], found["condition"]["words"], found["mute"]) == (True, "quiet", None)
    assert [one["run_id"] for one in found["runs"]] == ["r2", "r1"]
    assert [(one["state"], one["reason"]) for one in found["runs"][1]["deliveries"]] == [("held", "guard: 50 runs a day")]
    one = await console.get("/plays/drop/explain", account="acme", subject="ann")
    assert [run["run_id"] for run in one["runs"]] == ["r2"]


async def test_of_the_past_only_what_was_there_then(console: Console):
    await a_play_and_an_account(console)
    await write(console, run, a_run("r1", resolved_at=NOW + 3 * HOUR, resolution="cleared"), a_run("r2", hour=4))
    found = await console.get("/plays/drop/explain", account="acme", at=show_instant(NOW + 2 * HOUR))
    assert found["at"] == show_instant(NOW + 2 * HOUR)
    assert [(one["run_id"], one["resolved_at"]) for one in found["runs"]] == [("r1", None)]
    answer = await console.ask("GET", "/plays/drop/explain", params={"account": "acme", "at": "yesterday"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_instant")


async def test_a_muted_account_says_so(console: Console):
    await a_play_and_an_account(console)
    muted = {"account_id": "acme", "until": NOW + HOUR, "reason": "in talks", "muted_by": "ana", "muted_at": NOW}
    await write(console, mute, muted)
    found = await console.get("/plays/drop/explain", account="acme")
    assert (found["mute"]["reason"], found["mute"]["until"]) == ("in talks", show_instant(NOW + HOUR))


async def test_what_is_not_there_is_named_with_the_nearest(console: Console):
    await a_play_and_an_account(console)
    for path, account_id, said in (
        ("drip", "acme", "there is no play drip; did you mean drop?"),
        ("drop", "acne", "there is no account acne; did you mean acme?"),
        ("drop", "zzzzzz", "there is no account zzzzzz"),
    ):
        answer = await console.ask("GET", f"/plays/{path}/explain", params={"account": account_id})
        assert (answer.status_code, answer.json()["detail"]) == (404, said)
