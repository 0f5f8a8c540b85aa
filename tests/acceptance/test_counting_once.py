"""On a live log: an event counts once however often it is sent, and an account is found however fast its events follow."""

import base64
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.deployment import BACKENDS, WRITE_KEY, Deploy, Deployment
from tests.acceptance.receiver import Receiver
from tests.acceptance.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()}
# An urgent ticket of a paying account is a run at once.
PAYING = {"traits": {"plan": "pro"}}


@pytest.fixture(scope="module", params=BACKENDS)
def live(deploy: Deploy, request: pytest.FixtureRequest) -> Iterator[tuple[Deployment, Receiver]]:
    with deploy(request.param, "story") as running:
        yield running


@pytest.fixture
def deployment(live: tuple[Deployment, Receiver]) -> Deployment:
    return live[0]


def ticket(account_id: str, event_id: str) -> dict[str, Any]:
    properties = {"ticket_id": event_id, "priority": "urgent"}
    return {"id": event_id, "name": "ticket.created", "account_id": account_id, "properties": properties, **PAYING}


def export(account_id: str, event_id: str) -> dict[str, Any]:
    return {"id": event_id, "name": "report.exported", "account_id": account_id, "traits": {"plan": "counted"}}


def heard(deployment: Deployment, account_id: str) -> Counter[str]:
    """How often each event is in the account's history."""
    timeline = deployment.pages(f"accounts/{account_id}/timeline")
    return Counter(one["id"] for one in timeline if one["kind"] == "event")


def runs_of(deployment: Deployment, account_id: str, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(deployment.runs(account=account_id)) >= count, f"{count} runs of {account_id}")
    return deployment.runs(account=account_id)


def test_an_urgent_ticket_is_a_task_within_seconds(live: tuple[Deployment, Receiver]) -> None:
    deployment, receiver = live
    deployment.send([ticket("prompt", "P-1")])
    tasks = eventually(
        lambda: [one for one in deployment.tasks(account="prompt", state="open") if one["destination"] == "inbox"],
        "the task is in the inbox",
        within=10,
    )
    evidence = {**tasks[0]["evidence"]}
    assert evidence.pop("occurred_at") == tasks[0]["opened_at"]
    assert (tasks[0]["title"], evidence) == ("Urgent ticket P-1", {"event": "ticket.created", "priority": "urgent"})
    objects = eventually(
        lambda: [one for one in receiver.objects.values() if one["account"]["id"] == "prompt"], "the receiver has it", within=10
    )
    assert [one["task"]["title"] for one in objects] == ["Urgent ticket P-1"]
    listed = deployment.command("tasks", "list", "--account", "prompt")
    assert {one["run_id"] for one in listed} == {objects[0]["run"]["id"]} == {tasks[0]["run_id"]}


def test_a_detractor_is_a_task_for_the_person(deployment: Deployment) -> None:
    answers = [("ada", 7), ("bob", 6), ("cy", 0)]
    deployment.send(
        [
            {"name": "nps.answered", "account_id": "surveyed", "user_id": user_id, "properties": {"score": score}}
            for user_id, score in answers
        ]
    )
    runs = runs_of(deployment, "surveyed", 2)
    assert {(run["play"], run["user_id"], run["evidence"]["score"]) for run in runs} == {
        ("nps-detractor", "bob", 6),
        ("nps-detractor", "cy", 0),
    }


def test_the_same_event_five_times_counts_once(deployment: Deployment) -> None:
    """One after the other, at once, and again after a restart; two more with ids of their own make three."""
    same = export("repeated", "R-1")
    deployment.send([same])
    deployment.send([same, same])
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(deployment.send, [[same]] * 5))
    for name in dict.fromkeys(deployment.service(name).name for name in ("ingest", "rules", "actions")):
        taken = {topic: deployment.stored.epochs(topic) for topic in ("events", "runs")}
        service = deployment.services[name]
        assert service.end() == 0, service.tail
        service.start()
        service.wait_ready()
        for topic in {"rules": ("events",), "actions": ("runs",), "up": ("events", "runs")}.get(name, ()):
            deployment.stored.wait_until_taken(topic, taken[topic])
    deployment.send([same])
    deployment.send([same, export("repeated", "R-2")])
    eventually(lambda: heard(deployment, "repeated")["R-2"], "R-2 is heard")
    assert heard(deployment, "repeated") == {"R-1": 1, "R-2": 1}
    assert deployment.runs(account="repeated") == []
    deployment.send([export("repeated", "R-3")])
    (run,) = runs_of(deployment, "repeated", 1)
    assert (run["play"], run["evidence"]) == ("three-exports", {"count": 3})


def test_equal_events_with_different_ids_are_different_events(deployment: Deployment) -> None:
    twins = [{**ticket("twins", "T-1"), "id": event_id} for event_id in ("one", "two")]
    for twin in twins:
        deployment.send([twin])
    assert len({run["run_id"] for run in runs_of(deployment, "twins", 2)}) == 2
    assert heard(deployment, "twins") == {"one": 1, "two": 1}


def test_two_matching_events_of_one_instant_are_two_runs(deployment: Deployment) -> None:
    deployment.send([ticket("instant", "I-1"), ticket("instant", "I-2")])
    first, second = runs_of(deployment, "instant", 2)
    assert first["opened_at"] == second["opened_at"]
    assert first["run_id"] != second["run_id"]
    titles = eventually(
        lambda: len(found := {one["title"] for one in deployment.tasks(account="instant")}) == 2 and found, "both tasks are there"
    )
    assert titles == {"Urgent ticket I-1", "Urgent ticket I-2"}


def test_a_track_right_after_a_group_finds_the_account(deployment: Deployment) -> None:
    users = [f"user-{number}" for number in range(50)]

    def segment(call: str, **message: Any) -> None:
        answer = deployment.post(message, f"/v1/{call}", headers=BASIC)
        assert (answer.status_code, answer.json()["success"]) == (200, True)

    for number, user_id in enumerate(users):
        group = {"type": "group", "userId": user_id, "groupId": f"group-{user_id}", "messageId": f"g-{user_id}"}
        track = {"type": "track", "userId": user_id, "event": "Invite Sent", "messageId": f"t-{user_id}"}
        if number % 5:
            segment("group", **group)
            segment("track", **track)
        else:
            segment("batch", batch=[group, track])
    eventually(lambda: len(deployment.runs(play="invited")) >= len(users), "every invitation is a run")
    found = {(run["account_id"], run["user_id"]) for run in deployment.runs(play="invited")}
    assert found == {(f"group-{user_id}", user_id) for user_id in users}
    assert len(deployment.runs(play="invited")) == len(users)
    assert deployment.ask("unassigned")["events"] == 0
