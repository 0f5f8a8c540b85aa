"""Tickets and messages in Intercom."""

from pathlib import Path
from typing import Any

from shared.outbound.outcomes import Delivered, GiveUp
from tests.actions.connectors.calling import call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS: dict[str, Any] = {"token": "SECRET", "ticket_type": "1234", "admin": 394051}
ACME = {"id": "acme", "name": "Acme <3", "champion": "eva@acme.example", "intercom_company_id": "5f4d"}


async def test_a_task_is_a_ticket_of_the_champions(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"type": "ticket", "id": "494"}'))
    outcome = await call("intercom", receiver, tmp_path, SETTINGS, account=ACME, fallback="x@acme.example", assignee_id="991")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "494"
    (request,) = receiver.ledger
    assert (request.line, request.headers["intercom-version"]) == ("POST /tickets", "2.14")
    assert (request.json["contacts"], request.json["company_id"]) == ([{"email": "eva@acme.example"}], "5f4d")
    assert request.json["assignment"] == {"admin_assignee_id": "991"}
    attributes = request.json["ticket_attributes"]
    assert attributes["_default_title_"] == "Call Acme <3"
    assert outgoing("task").delivery_id in attributes["_default_description_"]


async def test_a_message_is_the_authors_text_and_nothing_else(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"data": [{"id": "5f7f", "role": "lead"}]}'), (200, {}, b'{"id": "2001"}'))
    await call("intercom", receiver, tmp_path, SETTINGS, step="message", account=ACME)
    looked_up, written = receiver.ledger
    assert looked_up.line == "POST /contacts/search"
    assert looked_up.json["query"] == {"field": "email", "operator": "=", "value": "eva@acme.example"}
    assert written.line == "POST /messages"
    assert written.json == {
        "message_type": "in_app",
        "body": "Acme &lt;3 is quiet",
        "from": {"type": "admin", "id": 394051},
        "to": {"type": "lead", "id": "5f7f"},
    }


async def test_nobody_is_written_to_whom_intercom_does_not_know(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"data": []}'))
    outcome = await call("intercom", receiver, tmp_path, SETTINGS, step="message", account=ACME)
    assert isinstance(outcome, GiveUp)
    assert len(receiver.ledger) == 1


async def test_without_a_person_nothing_is_sent(receiver: Tool, tmp_path: Path) -> None:
    outcome = await call("intercom", receiver, tmp_path, SETTINGS)
    assert isinstance(outcome, GiveUp)
    assert "no champion" in outcome.reason
    assert receiver.ledger == []
