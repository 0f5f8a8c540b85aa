"""Tickets and notes in Zendesk."""

import base64
from pathlib import Path

from shared.outbound.outcomes import Delivered, GiveUp
from tests.actions.connectors.calling import SECRET, TICKET, Told, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS = {"email": "success@acme.example", "token": "SECRET"}
MADE: Told = (201, {}, b'{"ticket": {"id": 35436}}')
FOUND: Told = (200, {}, b'{"tickets": [{"id": 35436}], "count": 1}')
NOTHING: Told = (200, {}, b'{"tickets": [], "count": 0}')


async def test_a_task_is_a_ticket_that_only_agents_see(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    account = {"id": "acme", "name": "Acme", "zendesk_organization_id": 99}
    outcome = await call("zendesk", receiver, tmp_path, SETTINGS, account=account, assignee_id="7", fallback="x@acme.example")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "35436"
    (request,) = receiver.ledger
    identity = outgoing("task").delivery_id
    assert request.line == "POST /api/v2/tickets"
    assert request.headers["idempotency-key"] == identity
    assert (
        request.headers["authorization"] == "Basic " + base64.b64encode(f"success@acme.example/token:{SECRET}".encode()).decode()
    )
    ticket = request.json["ticket"]
    assert (ticket["subject"], ticket["priority"], ticket["external_id"]) == ("Call Acme", "high", identity)
    assert (ticket["organization_id"], ticket["assignee_id"], ticket["comment"]["public"]) == (99, 7, False)
    assert "baseline: 25\ncurrent: 12" in ticket["comment"]["body"]


async def test_what_an_earlier_try_made_is_found(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(FOUND)
    outcome = await call("zendesk", receiver, tmp_path, SETTINGS, uncertain=True)
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "35436"
    assert [request.line for request in receiver.ledger] == [f"GET /api/v2/tickets?external_id={outgoing('task').delivery_id}"]


async def test_what_was_not_found_is_made(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(NOTHING, MADE)
    assert isinstance(await call("zendesk", receiver, tmp_path, SETTINGS, uncertain=True), Delivered)
    assert len(receiver.ledger) == 2


async def test_a_message_is_a_note_on_the_ticket_that_the_run_is_about(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"ticket": {"id": 42}, "audit": {"id": 77}}'))
    outcome = await call("zendesk", receiver, tmp_path, SETTINGS, step="message", event=TICKET)
    assert isinstance(outcome, Delivered)
    (request,) = receiver.ledger
    assert request.line == "PUT /api/v2/tickets/42"
    assert request.json["ticket"]["comment"]["public"] is False


async def test_a_message_without_a_ticket_says_what_is_missing(receiver: Tool, tmp_path: Path) -> None:
    outcome = await call("zendesk", receiver, tmp_path, SETTINGS, step="message")
    assert isinstance(outcome, GiveUp)
    assert "properties.ticket_id" in outcome.reason
    assert receiver.ledger == []
