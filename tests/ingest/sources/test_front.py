"""Front: an app's webhook, with its challenge, and rules."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.errors import Refused
from services.ingest.sources.contract import Incoming, Notified, Reported
from services.ingest.sources.front import EXAMPLES, Settings, fetch, read
from shared.instants import DAY, SECOND, Instant, parse_instant
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.asked import AskedApi
from tests.ingest.sources.sending import SECRET, Vendor, sending


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    moment = str(at // 1000)
    mac = hmac.new(secret.encode(), moment.encode() + b":" + body, hashlib.sha256).digest()
    return {"x-front-signature": base64.b64encode(mac).decode(), "x-front-request-timestamp": moment}


def by_rule(body: bytes, secret: str) -> dict[str, str]:
    return {"x-front-signature": base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha1).digest()).decode()}


VENDOR = Vendor("front", sign)
API = {"token": "env:T"}
CONVERSATION = json.loads(EXAMPLES[0])["payload"]["conversation"]


def all_told(body: JsonObject | bytes, **settings: Any) -> list[Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(read(Incoming("POST", "/", {}, {}, raw, NOW), Settings.model_validate({"secret": "env:X", **settings})))


def told(body: JsonObject | bytes, **settings: Any) -> Reported:
    (only,) = all_told(body, **settings)
    assert isinstance(only, Reported)
    return only


def saying(kind: str, **conversation: Any) -> JsonObject:
    body: JsonObject = json.loads(EXAMPLES[0]) | {"type": kind}
    body["payload"]["conversation"] |= conversation
    return body


def preview(kind: str) -> JsonObject:
    return {"type": kind, "payload": {"id": "evt_9", "emitted_at": 1772366398.93, "conversation": {"id": "cnv_1"}}}


async def test_the_challenge_is_answered_when_it_is_signed(tmp_path: Path) -> None:
    sync = b'{"type": "sync", "authorization": {"id": "cmp_1"}}'
    async with sending(VENDOR, tmp_path) as front:
        answer = await front.send(sync, {**front.headers(sync), "x-front-challenge": "c-1"})
        unsigned = await front.send(sync, {"x-front-challenge": "c-1"})
        without = await front.send(sync)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c-1"})
    assert unsigned.status_code == 401
    assert (without.status_code, front.entries) == (200, [])


@pytest.mark.parametrize(("off", "status"), [(DAY, 200), (-DAY, 200), (DAY + SECOND, 401), (-DAY - SECOND, 401)])
async def test_a_signature_is_good_for_a_day(tmp_path: Path, off: int, status: int) -> None:
    async with sending(VENDOR, tmp_path) as front:
        answer = await front.send(front.example, sign(front.example, SECRET, NOW + off))
    assert answer.status_code == status


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 200), ("another", 401)])
async def test_a_rule_signs_the_body_alone(tmp_path: Path, secret: str, status: int) -> None:
    async with sending(VENDOR, tmp_path) as front:
        answer = await front.send(EXAMPLES[1], by_rule(EXAMPLES[1], secret))
    assert answer.status_code == status


def test_a_conversation_is_a_ticket() -> None:
    event = told(EXAMPLES[0])
    assert (event.id, event.name, event.about) == (
        "cnv_1:created",
        "ticket.created",
        ("front:contact:crd_7", "email:ana@acme.example"),
    )
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58.93Z")
    assert event.properties == {
        "ticket_id": "cnv_1",
        "subject": "Export fails",
        "status": "open",
        "requester_email": "ana@acme.example",
        "url": "https://app.frontapp.com/open/cnv_1",
    }


@pytest.mark.parametrize(
    ("began", "name", "identity"),
    [
        (1772366338.93, "ticket.created", "cnv_1:created"),
        (1772366338.92, "inbound.received", "evt_1"),
        (None, "inbound.received", "evt_1"),
    ],
)
def test_the_message_that_begins_it_is_within_a_minute(began: float | None, name: str, identity: str) -> None:
    event = told(saying("inbound_received", created_at=began))
    assert (event.name, event.id) == (name, identity)


@pytest.mark.parametrize(
    ("kind", "status", "name", "word"),
    [
        ("conversation_archived", "archived", "ticket.solved", "closed"),
        ("conversation_reopened", "unassigned", "ticket.reopened", "open"),
        ("conversation_snoozed", "snoozed", "ticket.updated", "on_hold"),
        ("conversation_snooze_expired", "assigned", "ticket.updated", "open"),
        ("assignee_changed", "assigned", "ticket.updated", "open"),
        ("tag_added", "waiting", "tag.added", "pending"),
        ("outbound_sent", "resolved", "outbound.sent", "solved"),
    ],
)
def test_each_type_of_event(kind: str, status: str, name: str, word: str) -> None:
    event = told(saying(kind, status=status))
    assert (event.name, event.id, event.properties["status"]) == (name, "evt_1", word)


def test_a_rule_sends_the_event_itself() -> None:
    event = told(EXAMPLES[1])
    assert (event.id, event.name, event.properties["status"]) == ("evt_2", "ticket.solved", "closed")
    for kind, name in (("reopen", "ticket.reopened"), ("assign", "ticket.updated"), ("unassign", "ticket.updated")):
        assert told(json.loads(EXAMPLES[1]) | {"type": kind}).name == name


@pytest.mark.parametrize("body", [preview("inbound_received"), preview("inbound_received")["payload"] | {"type": "inbound"}])
async def test_a_preview_is_fetched_with_its_contact(body: JsonObject) -> None:
    (notified,) = all_told(body, api=API)
    assert (notified.id, notified.thing) == ("evt_9", "cnv_1")
    contact = {"id": "crd_7", "account": {"id": "acc_3"}}
    api = AskedApi({"/conversations/cnv_1": CONVERSATION, "/contacts/crd_7": contact})
    (event,) = await fetch(notified, Settings(), api)
    assert (event.name, event.id) == ("ticket.created", "cnv_1:created")
    assert event.about == ("front:account:acc_3", "front:contact:crd_7", "email:ana@acme.example")
    assert event.properties["subject"] == "Export fails"


async def test_what_is_gone_is_told_as_it_was() -> None:
    (notified,) = all_told(preview("conversation_archived"), api=API)
    (event,) = await fetch(notified, Settings(), AskedApi({}))
    assert (event.name, event.id, event.about) == ("ticket.solved", "evt_9", ())
    api = AskedApi({"/conversations/cnv_1": CONVERSATION})
    (event,) = await fetch(notified, Settings(), api)
    assert event.about == ("front:contact:crd_7", "email:ana@acme.example")


def test_what_says_who_asked_is_not_fetched() -> None:
    assert isinstance(all_told(EXAMPLES[0], api=API)[0], Reported)
    assert isinstance(all_told(EXAMPLES[1], api=API)[0], Notified)


@pytest.mark.parametrize("body", [{}, {"type": None}, {"type": ["archive"]}])
def test_without_a_type_it_is_refused(body: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        told(body)
    assert refused.value.pointer == "/type"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "inbound"},
        {"type": "...", "payload": []},
        {
            "type": "archive",
            "payload": {"conversation": {"id": 7, "recipient": "x", "status": {}}, "emitted_at": "soon", "id": []},
        },
        {"type": "inbound", "conversation": {"created_at": True, "recipient": {"_links": {"related": {"contact": "//"}}}}},
    ],
)
def test_a_signed_body_of_any_shape_is_an_event(body: JsonObject) -> None:
    event = told(body)
    assert event.id
    assert event.name
    assert event.vendor == body
