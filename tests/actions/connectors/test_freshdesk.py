"""Tickets and notes in Freshdesk."""

from pathlib import Path

from shared.instants import DAY
from shared.outbound.outcomes import Delivered, GiveUp
from tests.actions.connectors.calling import TICKET, Told, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import MONDAY, Tool

SETTINGS = {"email": "success@acme.example", "token": "SECRET"}
MADE: Told = (201, {}, b'{"id": 12}')


async def test_a_task_is_a_ticket(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    account = {"id": "acme", "name": "<b>Acme</b>", "freshdesk_company_id": 8}
    outcome = await call("freshdesk", receiver, tmp_path, SETTINGS, account=account, body="{{ account.name }}")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "12"
    sent = receiver.ledger[0].json
    assert (sent["priority"], sent["status"], sent["company_id"], sent["email"]) == (3, 2, 8, "success@acme.example")
    assert "&lt;b&gt;Acme&lt;/b&gt;" in sent["description"]
    assert sent["due_by"] == sent["fr_due_by"] == "2026-03-04T09:00:00Z"
    assert all(len(tag) <= 32 for tag in sent["tags"])


async def test_a_date_that_has_passed_is_left_out(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    await call("freshdesk", receiver, tmp_path, SETTINGS, now=MONDAY + 3 * DAY)
    assert "due_by" not in receiver.ledger[0].json


async def test_a_ticket_is_found_by_the_tag_it_was_made_with(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"total": 0, "results": []}'), MADE)
    await call("freshdesk", receiver, tmp_path, SETTINGS, uncertain=True)
    tag = outgoing("task").delivery_id.replace("-", "")
    assert tag in receiver.ledger[0].line
    assert tag in receiver.ledger[1].json["tags"]


async def test_a_message_is_a_private_note(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((201, {}, b'{"id": 3}'))
    assert isinstance(await call("freshdesk", receiver, tmp_path, SETTINGS, step="message", event=TICKET), Delivered)
    assert receiver.ledger[0].line == "POST /api/v2/tickets/42/notes"
    assert receiver.ledger[0].json["private"] is True
    assert isinstance(await call("freshdesk", receiver, tmp_path, SETTINGS, step="message"), GiveUp)
