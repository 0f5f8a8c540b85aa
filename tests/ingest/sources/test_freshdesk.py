"""Freshdesk: the webhooks of automation rules, proven by a token."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.errors import Refused
from services.ingest.sources.contract import Incoming, Reported
from services.ingest.sources.freshdesk import EXAMPLES, Settings, read
from shared.instants import parse_instant
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import TOKEN, Vendor, sending

VENDOR = Vendor("freshdesk")


def told(body: JsonObject | bytes) -> Reported:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (only,) = read(Incoming("POST", "/", {}, {}, raw, NOW), Settings(token=("env:X",)))
    return only


def saying(triggered_event: Any, **words: Any) -> Reported:
    return told({"freshdesk_webhook": {"triggered_event": triggered_event, "ticket_id": 128, **words}})


def test_a_ticket_is_created() -> None:
    event = told(EXAMPLES[0])
    assert (event.name, event.occurred_at) == ("ticket.created", None)
    assert event.about == ("freshdesk:company:99", "freshdesk:contact:70", "email:ana@acme.example")
    assert event.properties == {
        "ticket_id": "128",
        "subject": "Export fails",
        "status": "open",
        "priority": "urgent",
        "type": "problem",
        "tags": ["export", "vip"],
        "url": "https://acme.freshdesk.com/helpdesk/tickets/128",
        "requester_email": "ana@acme.example",
    }


def test_a_ticket_is_solved() -> None:
    event = told(EXAMPLES[1])
    assert (event.name, event.occurred_at) == ("ticket.solved", parse_instant("2026-03-01T11:59:58Z"))
    assert (event.properties["old_status"], event.properties["status"]) == ("open", "solved")


@pytest.mark.parametrize(
    ("happened", "name"),
    [
        ("{ticket_action:created}", "ticket.created"),
        ("{ticket_action:update}", "ticket.updated"),
        ("{ticket_action:deleted}", "ticket.deleted"),
        ("{status:{from:2,to:5}}", "ticket.solved"),
        ("{status:{from:Open,to:Resolved}}", "ticket.solved"),
        ("{status:{from:4,to:5}}", "ticket.updated"),
        ("{status:{from:5,to:2}}", "ticket.reopened"),
        ("{status:{from:2,to:6}}", "ticket.updated"),
        ("{priority:{from:1,to:4}}", "ticket.updated"),
        ("{responder_id:{from:7,to:8}}", "ticket.updated"),
        ("{reply_sent:sent}", "reply_sent.sent"),
        ("{note_type:private}", "note_type.private"),
        ("{{triggered_event}}", "ticket.updated"),
        ("", "ticket.updated"),
        (None, "ticket.updated"),
        (5, "ticket.updated"),
    ],
)
def test_what_triggered_it_says_what_it_is(happened: Any, name: str) -> None:
    assert saying(happened).name == name


def test_a_change_tells_what_was_in_words() -> None:
    event = saying("{priority:{from:1,to:4}}", ticket_priority="Urgent", ticket_status="Waiting on Customer")
    assert event.properties == {"ticket_id": "128", "old_priority": "low", "priority": "urgent", "status": "pending"}


def test_the_template_may_say_what_it_is() -> None:
    assert saying("{ticket_action:update}", event="ticket.solved").name == "ticket.solved"


def test_what_stays_a_placeholder_is_missing() -> None:
    event = saying("{ticket_action:created}", ticket_company_id="{{ticket.company.id}}", ticket_subject="{{ticket.subject}}")
    assert (event.about, event.properties) == ((), {"ticket_id": "128"})


def test_a_rating_is_an_answer() -> None:
    event = told(EXAMPLES[2])
    words = {"score": 2, "comment": "slow", "ticket_id": "128", "respondent_email": "ana@acme.example"}
    assert (event.name, event.properties) == ("csat.answered", words)


async def test_the_token_may_be_a_password(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as freshdesk:
        answers = []
        for password in (TOKEN, TOKEN + "x"):
            shown = {"authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}
            answers.append(await freshdesk.client.post("/v1/sources/freshdesk", content=EXAMPLES[0], headers=shown))
    assert [answer.status_code for answer in answers] == [200, 401]


@pytest.mark.parametrize("body", [{}, {"freshdesk_webhook": []}, {"ticket_id": 3}])
def test_another_template_is_refused_at_its_place(body: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        told(body)
    assert refused.value.pointer == "/freshdesk_webhook"


@pytest.mark.parametrize(
    "words",
    [{}, {"ticket_id": {}, "ticket_tags": 5, "event": []}, {"event": "---", "triggered_event": "{status:{from:,to:}}"}],
)
def test_words_of_any_shape_are_an_event(words: JsonObject) -> None:
    event = told({"freshdesk_webhook": words})
    assert (event.name, event.properties) == ("ticket.updated", {})
