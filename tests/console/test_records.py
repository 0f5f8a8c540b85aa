"""Runs, tasks, deliveries, dead letters and accounts, as rows that the other services wrote."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import Table, insert

from shared.db.tables import (
    account,
    account_user,
    attempt,
    dead_letter,
    decision,
    delivery,
    destination_state,
    event,
    run,
    subject,
    task,
)
from shared.instants import HOUR, month_of, show_instant
from shared.records import Event, Notification, as_json, encode
from shared.topics import NOTIFICATIONS
from tests.console.conftest import NOW, Console


async def write(console: Console, table: Table, *rows: dict[str, Any]) -> None:
    async with console.database.begin() as connection:
        for row in rows:
            await connection.execute(insert(table), row)


def a_run(name: str, hour: int = 0, **more: Any) -> dict[str, Any]:
    row = {"run_id": name, "play": "drop", "version": 1, "account_id": "acme", "subject": "acme", "user_id": None}
    return {**row, "opened_at": NOW + hour * HOUR, "arm": "run", "evidence": {"drop": 0.5}, **more}


def a_task(name: str, hour: int = 0, **more: Any) -> dict[str, Any]:
    row = {"task_id": name, "run_id": "r1", "play": "drop", "account_id": "acme", "destination": "inbox", "state": "open"}
    return {**row, "title": "Ask", "body": "why", "priority": "normal", "created_at": NOW + hour * HOUR, **more}


def a_delivery(name: str, state: str, **more: Any) -> dict[str, Any]:
    row = {"delivery_id": name, "run_id": name, "step": "0", "kind": "task", "destination": "hooks", "play": "drop"}
    return {**row, "account_id": "acme", "state": state, "due_at": 0, "attempt": 10, "created_at": NOW, **more}


def a_letter(name: str, kind: str, origin: str, value: bytes) -> dict[str, Any]:
    return {"dead_letter_id": name, "kind": kind, "origin": origin, "reason": "gone wrong", "value": value, "created_at": NOW}


def an_event(name: str, hour: int, position: int) -> dict[str, Any]:
    at = NOW + hour * HOUR
    row = {"month": month_of(at), "fingerprint": name.encode(), "account_id": "acme", "source": "api", "id": name}
    times = {"name": "user.login", "occurred_at": at, "received_at": at, "position": position}
    return {**row, **times, "properties": '{"n": 1}', "imported": False}


async def test_runs_come_newest_first_page_by_page(console: Console):
    await write(console, run, *(a_run(f"r{number}", hour=number // 2) for number in range(5)))
    seen, cursor = [], None
    while True:
        page = await console.get("/runs", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [one["run_id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["r4", "r3", "r2", "r1", "r0"]


async def test_runs_are_found_by_account_play_and_whether_they_are_open(console: Console):
    resolved = a_run("r2", resolved_at=NOW + 1, resolution="cleared")
    await write(console, run, a_run("r1"), resolved, a_run("r3", account_id="bolt", play="silence"))

    async def found(**filters: Any) -> set[str]:
        return {one["run_id"] for one in (await console.get("/runs", **filters))["items"]}

    assert await found(account="acme") == {"r1", "r2"}
    assert await found(play="silence") == {"r3"}
    assert await found(open=True) == {"r1", "r3"}
    assert await found(open=False) == {"r2"}


async def test_a_run_shows_its_evidence_deliveries_and_tasks(console: Console):
    await write(console, run, a_run("r1"))
    await write(console, task, a_task("t1"))
    await write(console, delivery, a_delivery("r1", "delivered"))
    shown = await console.get("/runs/r1")
    assert (shown["evidence"], shown["opened_at"]) == ({"drop": 0.5}, show_instant(NOW))
    assert [one["task_id"] for one in shown["tasks"]] == ["t1"]
    assert [one["delivery_id"] for one in shown["deliveries"]] == ["r1"]
    assert (await console.ask("GET", "/runs/r2")).status_code == 404


async def test_a_run_shows_what_became_of_its_goal(console: Console):
    reached = a_run("r1", goal="reached", goal_at=NOW + 1)
    await write(console, run, reached, a_run("r2"))
    assert [(await console.get(f"/runs/{name}"))["goal"] for name in ("r1", "r2")] == ["reached", None]
    assert (await console.get("/runs/r1"))["goal_at"] == show_instant(NOW + 1)


async def test_decisions_say_why_there_was_no_run(console: Console):
    row = {"decision_id": "d1", "play": "drop", "version": 1, "account_id": "acme", "subject": "acme", "at": NOW}
    await write(console, decision, {**row, "reason": "cooldown", "detail": {"until": NOW}})
    assert [one["reason"] for one in (await console.get("/decisions", reason="cooldown"))["items"]] == ["cooldown"]
    assert (await console.get("/decisions", reason="stale"))["items"] == []


async def test_a_cursor_of_another_listing_is_refused(console: Console):
    await write(console, account, *({"account_id": name, "partition": 0, "traits": "{}", "first_seen_at": 0} for name in "ab"))
    cursor = (await console.get("/accounts", limit=1))["next"]
    for wrong in (cursor, "nonsense", "!"):
        refused = await console.ask("GET", "/runs", params={"cursor": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
    assert [one["account_id"] for one in (await console.get("/accounts", cursor=cursor))["items"]] == ["b"]


async def test_a_task_done_here_is_heard_by_its_account_once(console: Console):
    await write(console, run, a_run("r1"))
    await write(console, task, a_task("t1"))
    for _ in range(2):
        done = await console.post("/tasks/t1/done", {"by": "ana@acme.example"})
        assert (done["state"], done["closed_because"]) == ("done", "done by ana@acme.example")
    [heard] = [one for records in (await console.records()).values() for one in records]
    assert isinstance(heard, Event)
    assert (heard.name, heard.source, heard.account_id) == ("task.completed", "successplays", "acme")
    assert heard.properties["run_id"] == "r1"


async def test_a_cancelled_task_can_be_neither_done_nor_reassigned(console: Console):
    await write(console, task, a_task("t1", state="cancelled"))
    for path, body in (("done", {}), ("reassign", {"assignee": "bo@acme.example"})):
        refused = await console.ask("POST", f"/tasks/t1/{path}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "task_not_open")


async def test_a_task_of_the_inbox_is_given_to_somebody_else_and_one_of_a_tool_is_not(console: Console):
    await write(console, task, a_task("t1", assignee="ana@acme.example"), a_task("t2", destination="crm"))
    given = await console.post("/tasks/t1/reassign", {"assignee": "bo@acme.example", "by": "ana@acme.example"})
    assert (given["assignee"], given["assigned_because"]) == ("bo@acme.example", "reassigned by ana@acme.example")
    refused = await console.ask("POST", "/tasks/t2/reassign", json={"assignee": "bo@acme.example"})
    assert refused.json()["code"] == "task_lives_elsewhere"


async def test_tasks_are_found_by_state(console: Console):
    await write(console, task, a_task("t1"), a_task("t2", hour=1), a_task("t3", hour=2, state="done"))
    assert [one["task_id"] for one in (await console.get("/tasks", state="open"))["items"]] == ["t2", "t1"]
    assert (await console.ask("GET", "/tasks", params={"state": "lost"})).status_code == 400


async def test_a_delivery_that_was_given_up_is_tried_again_and_one_that_is_delivered_is_not(console: Console):
    await write(
        console, delivery, a_delivery("d1", "dead", reason="500"), a_delivery("d2", "held"), a_delivery("d3", "delivered")
    )
    await write(console, dead_letter, a_letter("l1", "delivery", "d1", b"{}"))
    for name in ("d1", "d2"):
        tried = await console.post(f"/deliveries/{name}/retry")
        assert (tried["state"], tried["reason"], tried["due_at"]) == ("waiting", None, show_instant(NOW))
    refused = await console.ask("POST", "/deliveries/d3/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_not_given_up")
    assert (await console.get("/dead-letters"))["items"] == []


async def test_a_delivery_shows_every_try(console: Console):
    await write(console, delivery, a_delivery("d1", "dead"))
    tried = {"delivery_id": "d1", "started_at": NOW, "finished_at": NOW, "outcome": "try again", "status": 500}
    await write(console, attempt, {**tried, "attempt": 1}, {**tried, "attempt": 2})
    assert [one["attempt"] for one in (await console.get("/deliveries/d1"))["attempts"]] == [1, 2]
    assert [one["delivery_id"] for one in (await console.get("/deliveries", state="dead", destination="hooks"))["items"]] == [
        "d1"
    ]


async def test_a_record_is_redriven_to_the_end_of_its_partition_and_only_once(console: Console):
    lost = Event(id="e1", name="user.login", source="api", account_id="acme")
    await write(console, dead_letter, a_letter("l1", "record", "events/1/7", encode(lost)))
    assert (await console.post("/dead-letters/l1/redrive"))["redriven_at"] == show_instant(NOW)
    assert await console.records() == {0: [], 1: [lost]}
    refused = await console.ask("POST", "/dead-letters/l1/redrive")
    assert (refused.status_code, refused.json()["code"]) == (409, "dead_letter_closed")


async def test_a_notification_is_redriven_to_be_fetched_again(console: Console):
    told = encode(Notification(id="n1", source="hubspot", thing="ticket:5", vendor=as_json({"objectId": 5}), received_at=NOW))
    await write(console, dead_letter, a_letter("l1", "notification", "notifications/1/7", told))
    assert (await console.get("/dead-letters"))["items"][0]["value"]["thing"] == "ticket:5"
    await console.post("/dead-letters/l1/redrive")
    assert await console.values(NOTIFICATIONS) == {0: [], 1: [told]}


async def test_what_was_no_record_can_only_be_discarded(console: Console):
    await write(console, dead_letter, a_letter("l1", "record", "deadline/acme", b""), a_letter("l2", "record", "events/0/9", b""))
    for name in ("l1", "l2"):
        refused = await console.ask("POST", f"/dead-letters/{name}/redrive")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_a_record")
        assert (await console.post(f"/dead-letters/{name}/discard"))["redriven_at"] is None


async def test_a_delivery_is_redriven_from_the_dead_letters(console: Console):
    await write(console, delivery, a_delivery("d1", "dead"))
    await write(console, dead_letter, a_letter("l1", "delivery", "d1", b"not json \xff"))
    assert (await console.get("/dead-letters"))["items"][0]["value"] == "not json \ufffd"
    await console.post("/dead-letters/l1/redrive")
    assert (await console.get("/deliveries/d1"))["state"] == "waiting"


async def test_what_is_discarded_stays_readable(console: Console):
    await write(console, dead_letter, a_letter("l1", "record", "events/0/1", b'{"a": 1}'))
    await console.post("/dead-letters/l1/discard")
    assert (await console.get("/dead-letters"))["items"] == []
    assert [one["value"] for one in (await console.get("/dead-letters", everything=True))["items"]] == [{"a": 1}]
    assert (await console.ask("POST", "/dead-letters/l1/redrive")).status_code == 409


async def test_a_destination_that_was_disabled_is_enabled_again(console: Console):
    await write(console, destination_state, {"destination": "inbox", "state": "disabled", "reason": "410", "since": 1})
    assert (await console.get("/destinations"))["items"][0]["reason"] == "410"
    enabled = await console.post("/destinations/inbox/enable")
    assert (enabled["state"], enabled["reason"]) == ("active", None)
    assert (await console.ask("POST", "/destinations/nobody/enable")).status_code == 404


async def test_an_account_shows_its_traits_and_what_is_open(console: Console):
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": '{"plan": "pro"}', "first_seen_at": NOW})
    await write(console, account_user, {"account_id": "acme", "user_id": "u1", "traits": "{}"})
    places = ({"kind": "account", "value": "acme", "next_deadline": None}, {"kind": "user", "value": "u1", "next_deadline": NOW})
    await write(console, subject, *({**one, "account_id": "acme", "partition": 0, "document": "{}"} for one in places))
    await write(console, run, a_run("r1"), a_run("r2", resolved_at=NOW))
    await write(console, task, a_task("t1"), a_task("t2", state="done"))
    shown = await console.get("/accounts/acme")
    assert shown["traits"] == {"plan": "pro"}
    assert (shown["users"], shown["open_runs"], shown["open_tasks"]) == (1, 1, 1)
    assert [(one["kind"], one["next_deadline"]) for one in shown["subjects"]] == [("user", show_instant(NOW)), ("account", None)]
    assert (await console.ask("GET", "/accounts/nobody")).status_code == 404


@pytest.mark.parametrize("apart", [1, 24 * 40], ids=["within an hour", "months apart"])
async def test_a_timeline_tells_everything_once_however_it_is_cut(console: Console, apart: int):
    await write(console, event, *(an_event(f"e{number}", hour=number // 3 * apart, position=number) for number in range(7)))
    await write(console, run, a_run("r1", hour=apart))
    row = {"decision_id": "d1", "play": "drop", "version": 1, "account_id": "acme", "subject": "acme", "at": NOW + apart * HOUR}
    await write(console, decision, {**row, "reason": "cooldown", "detail": {}})
    whole = [one["id"] for one in (await console.get("/accounts/acme/timeline"))["items"]]
    assert whole == ["e6", "e5", "e4", "e3", "r1", "d1", "e2", "e1", "e0"]
    for limit in (1, 2, 3, 4):
        cut, cursor = [], None
        while True:
            page = await console.get("/accounts/acme/timeline", limit=limit, **({"cursor": cursor} if cursor else {}))
            cut += [one["id"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert cut == whole


async def test_a_database_that_is_away_is_a_503_that_says_when_to_try_again(console: Console):
    async with console.database.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE run")
    answer = await console.ask("GET", "/runs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert msgspec.json.decode(answer.content)["code"] == "database_unavailable"
