"""Tasks in Asana."""

from pathlib import Path

from shared.outbound.outcomes import Delivered, Pause
from tests.actions.connectors.calling import Told, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS = {"token": "SECRET", "project": "1201"}
MADE: Told = (201, {}, b'{"data": {"gid": "9001", "name": "Call Acme"}}')


async def test_a_task_goes_to_the_project(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    outcome = await call("asana", receiver, tmp_path, SETTINGS, assignee_id="55")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "9001"
    (request,) = receiver.ledger
    data = request.json["data"]
    assert (request.line, data["name"], data["projects"]) == ("POST /tasks", "Call Acme", ["1201"])
    assert (data["assignee"], data["due_on"]) == ("55", "2026-03-04")
    assert data["external"]["gid"] == outgoing("task").delivery_id


async def test_what_an_earlier_try_made_is_asked_for_by_our_id(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"data": {"gid": "9001"}}'))
    outcome = await call("asana", receiver, tmp_path, SETTINGS, uncertain=True)
    assert isinstance(outcome, Delivered)
    assert receiver.ledger[0].line == f"GET /tasks/external:{outgoing('task').delivery_id}?opt_fields=gid"


async def test_what_asana_does_not_know_is_made(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((404, {}, b'{"errors": []}'), MADE)
    assert isinstance(await call("asana", receiver, tmp_path, SETTINGS, uncertain=True), Delivered)
    assert len(receiver.ledger) == 2


async def test_nothing_is_made_while_asana_refuses_to_say(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((401, {}, b"{}"))
    assert isinstance(await call("asana", receiver, tmp_path, SETTINGS, uncertain=True), Pause)
    assert len(receiver.ledger) == 1
