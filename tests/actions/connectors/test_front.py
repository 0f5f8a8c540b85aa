"""Discussions and comments in Front."""

from pathlib import Path

from shared.outbound.outcomes import Delivered, GiveUp
from tests.actions.connectors.calling import TICKET, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS = {"token": "SECRET", "inbox": "inb_55c8c149"}


async def test_a_task_is_a_discussion_among_teammates(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((201, {}, b'{"id": "cnv_55c8c149", "type": "discussion"}'))
    outcome = await call("front", receiver, tmp_path, SETTINGS, assignee_id="tea_1")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "cnv_55c8c149"
    (request,) = receiver.ledger
    assert request.line == "POST /conversations"
    assert {name: request.json[name] for name in ("type", "inbox_id", "subject", "teammate_ids")} == {
        "type": "discussion",
        "inbox_id": "inb_55c8c149",
        "subject": "Call Acme",
        "teammate_ids": ["tea_1"],
    }
    assert outgoing("task").delivery_id in request.json["comment"]["body"]


async def test_a_message_is_a_comment_on_the_conversation(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((201, {}, b'{"id": "com_1"}'))
    assert isinstance(await call("front", receiver, tmp_path, SETTINGS, step="message", event=TICKET), Delivered)
    assert receiver.ledger[0].line == "POST /conversations/42/comments"
    assert isinstance(await call("front", receiver, tmp_path, SETTINGS, step="message"), GiveUp)
