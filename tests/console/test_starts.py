"""Plays that somebody starts by hand: the event that is logged, and what is said to have come of it."""

import json
from typing import Any

import pytest
from sqlalchemy import Table, insert

from shared.db.tables import account, decision, event, run
from shared.instants import month_of
from shared.records import Event
from tests.console.conftest import NOW, Console

MANUAL: dict[str, Any] = {"when": {"manual": {}}}
PER_TICKET = {**MANUAL, "per": {"by": "properties.ticket.id"}}


async def write(console: Console, table: Table, row: dict[str, Any]) -> None:
    async with console.database.begin() as connection:
        await connection.execute(insert(table), row)


@pytest.fixture
async def started(console: Console) -> Console:
    """A console with an account and some plays."""
    plays = {
        "handover": MANUAL,
        "person": {**MANUAL, "per": "user"},
        "ticket": PER_TICKET,
        "both": {"when": {"all": [{"manual": {}}, {"trait": {"account.plan": "pro"}}]}},
        "drop": {"when": {"drop": {}}},
        "idea": {**MANUAL, "mode": "draft"},
    }
    await console.apply({name: json.dumps(document) for name, document in plays.items()})
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": "{}", "first_seen_at": NOW})
    return console


async def events(console: Console) -> list[Event]:
    """The starts in the log."""
    return [record for records in (await console.records()).values() for record in records if isinstance(record, Event)]


async def heard(console: Console, play: str, id: str) -> None:
    """Rules has taken the start."""
    row = {"month": month_of(NOW), "fingerprint": id.encode(), "account_id": "acme", "source": f"manual:{play}", "id": id}
    times = {"occurred_at": NOW, "received_at": NOW, "position": 1}
    await write(console, event, {**row, **times, "name": "play.started", "properties": "{}", "imported": False})


async def outcome(console: Console, play: str, id: str) -> dict[str, Any]:
    found = await console.get(f"/plays/{play}/starts", account="acme", id=id)
    return {name: found[name] for name in ("state", "run_id", "arm", "reason")}


async def test_a_start_is_an_event_of_its_account(started: Console) -> None:
    answer = await started.ask("POST", "/plays/handover/runs", "run", json={"account_id": "acme", "id": "k1", "by": "ana"})
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (202, "waiting", "k1")
    [logged] = await events(started)
    assert (logged.name, logged.account_id, logged.source, logged.id) == ("play.started", "acme", "manual:handover", "k1")
    assert logged.properties == {"play": "handover", "by": "ana"}


async def test_a_start_without_a_key_is_given_one(started: Console) -> None:
    made = [(await started.post("/plays/both/runs", {"account_id": "acme"}))["id"] for _ in range(2)]
    assert len(set(made)) == 2
    assert [one.id for one in await events(started)] == made


async def test_a_user_and_a_value_stand_where_the_plays_events_have_them(started: Console) -> None:
    await started.post("/plays/person/runs", {"account_id": "acme", "subject": "jo"})
    await started.post("/plays/ticket/runs", {"account_id": "acme", "subject": "T-1"})
    by_user, by_value = sorted(await events(started), key=lambda one: one.source)
    assert by_user.user_id == "jo"
    assert by_value.properties["ticket"] == {"id": "T-1"}


@pytest.mark.parametrize(
    ("play", "given", "status", "code"),
    [
        ("nobody", {"account_id": "acme"}, 404, "not_found"),
        ("handover", {"account_id": "bolt"}, 404, "not_found"),
        ("drop", {"account_id": "acme"}, 409, "not_manual"),
        ("idea", {"account_id": "acme"}, 409, "draft"),
        ("person", {"account_id": "acme"}, 400, "bad_subject"),
        ("handover", {"account_id": "acme", "subject": "jo"}, 400, "bad_subject"),
        ("handover", {"account_id": "acme", "at": "2026-01-01"}, 409, "live_log"),
        ("handover", {"account_id": ""}, 400, "invalid_request"),
        ("handover", {"account_id": "acme", "id": "\0"}, 400, "invalid_request"),
    ],
)
async def test_what_cannot_be_started_is_refused(
    started: Console, play: str, given: dict[str, Any], status: int, code: str
) -> None:
    refused = await started.ask("POST", f"/plays/{play}/runs", json=given)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert await events(started) == []


async def test_an_archived_play_is_not_started(started: Console) -> None:
    await started.apply({})
    refused = await started.ask("POST", "/plays/handover/runs", json={"account_id": "acme"})
    assert (refused.status_code, "archived" in refused.json()["detail"]) == (404, True)


async def test_a_start_becomes_its_run_and_no_other(started: Console) -> None:
    await heard(started, "handover", "k1")
    row = {"play": "handover", "version": 1, "account_id": "acme", "subject": "acme", "opened_at": NOW, "arm": "holdout"}
    await write(started, run, {**row, "run_id": "r0", "evidence": {"start": "k0"}})
    assert (await outcome(started, "handover", "k1"))["state"] == "nothing"
    await write(started, run, {**row, "run_id": "r1", "evidence": {"start": "k1"}})
    found = {"state": "run", "run_id": "r1", "arm": "holdout", "reason": None}
    assert await outcome(started, "handover", "k1") == found
    # The same key once more starts nothing, and says what came of it.
    again = await started.post("/plays/handover/runs", {"account_id": "acme", "id": "k1"})
    assert (again["state"], again["run_id"]) == ("run", "r1")
    assert await events(started) == []


async def test_a_start_that_becomes_no_run_says_why(started: Console) -> None:
    assert (await outcome(started, "both", "k1"))["state"] == "waiting"
    await heard(started, "both", "k1")
    row = {"decision_id": "d1", "play": "both", "version": 1, "account_id": "acme", "subject": "acme", "at": NOW}
    await write(started, decision, {**row, "reason": "cooldown", "detail": {"evidence": {"start": "k1"}}})
    assert await outcome(started, "both", "k1") == {"state": "decision", "run_id": None, "arm": None, "reason": "cooldown"}
