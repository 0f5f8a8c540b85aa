"""Intercom: conversations, tickets, ratings, contacts and companies."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.sources.contract import Incoming, Reported
from services.ingest.sources.intercom import EXAMPLES, Settings, read, verified
from shared.instants import Instant, parse_instant
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import Vendor, sending


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


VENDOR = Vendor("intercom", sign)


def all_told(body: JsonObject | bytes, **settings: Any) -> list[Reported]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(Incoming("POST", "/", {}, {}, raw, NOW), Settings(secret=("env:X",), **settings))


def told(body: JsonObject | bytes, **settings: Any) -> Reported:
    (only,) = all_told(body, **settings)
    return only


def conversation(topic: str, **item: Any) -> JsonObject:
    body: JsonObject = json.loads(EXAMPLES[0]) | {"topic": topic}
    body["data"]["item"] |= item
    return body


def state(previous: str | None, current: str) -> JsonObject:
    body: JsonObject = json.loads(EXAMPLES[2])
    body["data"]["item"]["ticket_state"] = {"category": current}
    parts = [{"part_type": "comment"}] if previous is None else [{"previous_ticket_state": previous, "ticket_state": current}]
    body["data"]["item"]["ticket_parts"] = {"ticket_parts": parts}
    return body


def test_a_vector_that_was_made_elsewhere() -> None:
    # printf '{"topic":"ping"}' | openssl dgst -sha1 -hmac 'shhh'
    headers = {"x-hub-signature": "sha1=5204a3078565bef6cc8f0481f8821cc91d935065"}
    incoming = Incoming("POST", "/", {}, headers, b'{"topic":"ping"}', NOW)
    assert verified(incoming, Settings(), [b"shhh"])
    assert not verified(incoming, Settings(), [b"shh"])


def test_a_conversation_is_a_ticket() -> None:
    event = told(EXAMPLES[0])
    assert (event.id, event.name, event.user_id) == ("notif_1", "ticket.created", "u7")
    assert event.about == ("user:u7", "intercom:contact:5ee3", "email:ana@acme.example")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "ticket_id": "1373",
        "subject": "Export fails",
        "status": "open",
        "priority": "high",
        "requester_email": "ana@acme.example",
    }


@pytest.mark.parametrize(
    ("attributes", "priority"), [({"Priority": "Urgent"}, "urgent"), ({"priority": "low"}, "low"), ({}, None)]
)
def test_a_ticket_has_the_priority_that_its_type_asks_for(attributes: JsonObject, priority: str | None) -> None:
    body = {
        "id": "n1",
        "topic": "ticket.created",
        "data": {"item": {"type": "ticket", "id": "494", "ticket_attributes": attributes}},
    }
    event = told(body)
    assert (event.name, event.properties.get("priority")) == ("ticket.created", priority)


def test_or_a_conversation_has_its_own_name() -> None:
    assert told(EXAMPLES[0], conversations="own").name == "conversation.user.created"


@pytest.mark.parametrize(
    ("topic", "name", "item", "status"),
    [
        ("conversation.admin.closed", "ticket.solved", {"state": "closed"}, "closed"),
        ("conversation.admin.opened", "ticket.reopened", {"state": "open"}, "open"),
        ("conversation.admin.snoozed", "ticket.updated", {"state": "snoozed"}, "on_hold"),
        ("conversation.admin.unsnoozed", "ticket.updated", {"state": "open"}, "open"),
        ("conversation.admin.assigned", "ticket.updated", {}, "open"),
        ("conversation.priority.updated", "ticket.updated", {}, "open"),
        ("conversation.user.replied", "conversation.user.replied", {}, "open"),
        ("conversation_part.tag.created", "conversation_part.tag.created", {}, None),
    ],
)
def test_each_topic_of_a_conversation(topic: str, name: str, item: JsonObject, status: str | None) -> None:
    event = told(conversation(topic, **item))
    assert (event.name, event.properties.get("status")) == (name, status)


@pytest.mark.parametrize(
    ("previous", "current", "name", "status"),
    [
        ("in_progress", "resolved", "ticket.solved", "solved"),
        (None, "resolved", "ticket.solved", "solved"),
        ("resolved", "in_progress", "ticket.reopened", "open"),
        ("submitted", "waiting_on_customer", "ticket.updated", "pending"),
    ],
)
def test_a_ticket_changes_its_state(previous: str | None, current: str, name: str, status: str) -> None:
    event = told(state(previous, current))
    assert (event.name, event.properties["status"], event.properties["ticket_id"]) == (name, status, "494")
    assert event.properties["subject"] == "No invoice"


def test_a_rating_is_an_answer() -> None:
    event = told(EXAMPLES[1])
    assert (event.name, event.about[-1]) == ("csat.answered", "email:ana@acme.example")
    words = {"score": 2, "scale": 5, "comment": "slow", "ticket_id": "1373", "respondent_email": "ana@acme.example"}
    assert event.properties == words


def test_a_company_tells_traits() -> None:
    event = told(EXAMPLES[3])
    assert (event.name, event.about, event.account_id) == ("account.updated", ("intercom:company:5f2a",), None)
    assert event.traits == {"name": "Acme", "domain": "acme.example", "plan": "Pro", "mrr": 1200}


def test_paths_of_traits_can_be_changed() -> None:
    body = json.loads(EXAMPLES[3])
    body["data"]["item"]["custom_attributes"] = {"seats": "40", "revenue": "99.5"}
    traits = told(body, traits={"seats": "custom_attributes.seats", "mrr": "custom_attributes.revenue"}).traits
    assert traits == {"name": "Acme", "domain": "acme.example", "plan": "Pro", "mrr": 99.5, "seats": 40}


async def test_the_companys_id_may_be_our_accounts(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, company_ids="ours") as intercom:
        await intercom.send(EXAMPLES[3])
        (event,) = intercom.journal.events
    assert event.account_id == "acme"


def test_a_contact_is_the_same_as_their_address() -> None:
    event = told(EXAMPLES[4])
    assert (event.name, event.user_id, event.user_traits) == ("user.updated", "u7", {"email": "ana@acme.example", "name": "Ana"})
    assert event.about == ("intercom:company:5f2a", "user:u7", "intercom:contact:5ee3", "email:ana@acme.example")
    assert event.same == (("intercom:contact:5ee3", "email:ana@acme.example"),)


async def test_a_ping_is_answered_and_is_no_event(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as intercom:
        answer = await intercom.send(b'{"type": "notification_event", "topic": "ping", "data": {"item": {"type": "ping"}}}')
        head = await intercom.client.head("/v1/sources/intercom")
    assert (answer.status_code, head.status_code, intercom.entries) == (200, 200, [])


def test_an_admin_is_no_customer() -> None:
    body = conversation("conversation.admin.single.created", contacts=None)
    body["data"]["item"]["source"]["author"] = {"type": "admin", "id": "33"}
    assert told(body).about == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"topic": 5, "data": [], "id": None},
        {"topic": "ticket.state.updated", "data": {"item": {"ticket_parts": {"ticket_parts": [1, None]}, "ticket_state": []}}},
        {"topic": "company.created", "data": {"item": []}, "created_at": "x"},
        {"topic": "contact.user.updated", "data": {"item": {"type": ["user"], "companies": {"data": 1}}}},
        {"topic": "conversation.rating.added", "data": {"item": {"conversation_rating": 5, "user": "x"}}},
    ],
)
def test_a_signed_body_of_any_shape_is_an_event(body: JsonObject) -> None:
    event = told(body)
    assert event.id
    assert event.name
    assert event.vendor == body
