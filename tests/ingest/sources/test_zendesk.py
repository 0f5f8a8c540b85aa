"""Zendesk: event webhooks and webhooks of triggers."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.sources.contract import Incoming, Notified, Reported
from services.ingest.sources.zendesk import EXAMPLES, Settings, fetch, read
from shared.instants import DAY, SECOND, Instant, parse_instant, show_instant
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.asked import AskedApi
from tests.ingest.sources.sending import SECRET, Vendor, sending


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    moment = show_instant(at)
    mac = base64.b64encode(hmac.new(secret.encode(), moment.encode() + body, hashlib.sha256).digest()).decode()
    return {"x-zendesk-webhook-signature": mac, "x-zendesk-webhook-signature-timestamp": moment}


VENDOR = Vendor("zendesk", sign)


def told(body: JsonObject | bytes, **settings: Any) -> Reported:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (only,) = read(Incoming("POST", "/", {}, {}, raw, NOW), Settings(secret=("env:X",), **settings))
    assert isinstance(only, Reported)
    return only


def status_changed(previous: str, current: str) -> JsonObject:
    body: JsonObject = json.loads(EXAMPLES[1])
    body["event"].update(previous=previous, current=current)
    return body


@pytest.mark.parametrize(("off", "status"), [(DAY, 200), (-DAY, 200), (DAY + SECOND, 401), (-DAY - SECOND, 401)])
async def test_a_signature_is_good_for_a_day(tmp_path: Path, off: int, status: int) -> None:
    async with sending(VENDOR, tmp_path) as zendesk:
        answer = await zendesk.send(zendesk.example, sign(zendesk.example, SECRET, NOW + off))
    assert answer.status_code == status


def test_a_ticket_is_created() -> None:
    event = told(EXAMPLES[0])
    assert (event.id, event.name, event.about) == ("01JH-4", "ticket.created", ("zendesk:org:99", "zendesk:user:7"))
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "ticket_id": "5158",
        "subject": "Export fails",
        "status": "new",
        "priority": "urgent",
        "type": "incident",
        "tags": ["export"],
    }
    assert event.vendor == json.loads(EXAMPLES[0])


@pytest.mark.parametrize(
    ("previous", "current", "name"),
    [
        ("OPEN", "SOLVED", "ticket.solved"),
        ("OPEN", "CLOSED", "ticket.solved"),
        ("SOLVED", "CLOSED", "ticket.updated"),
        ("SOLVED", "OPEN", "ticket.reopened"),
        ("CLOSED", "NEW", "ticket.reopened"),
        ("NEW", "OPEN", "ticket.updated"),
        ("OPEN", "HOLD", "ticket.updated"),
    ],
)
def test_a_change_of_status_is_by_what_it_was_and_is(previous: str, current: str, name: str) -> None:
    event = told(status_changed(previous, current))
    assert event.name == name
    words = {"HOLD": "on_hold"}
    assert event.properties["status"] == words.get(current, current.lower())
    assert event.properties["old_status"] == previous.lower()


def test_a_change_of_priority_is_an_update() -> None:
    body = status_changed("LOW", "HIGH") | {"type": "zen:event-type:ticket.priority_changed"}
    event = told(body)
    assert (event.name, event.properties["old_priority"], event.properties["priority"]) == ("ticket.updated", "low", "high")


def test_what_has_no_row_keeps_its_name() -> None:
    body = json.loads(EXAMPLES[0]) | {"type": "zen:event-type:ticket.comment_added", "event": {"comment": {"id": "3"}}}
    event = told(body)
    assert (event.name, event.properties["ticket_id"]) == ("ticket.comment_added", "5158")


def test_a_trigger_tells_the_address() -> None:
    event = told(EXAMPLES[2])
    assert (event.name, event.about) == ("ticket.created", ("zendesk:org:99", "zendesk:user:7", "email:ana@acme.example"))
    assert event.occurred_at == parse_instant("2026-03-01T11:59:00Z")
    assert event.properties == {
        "ticket_id": "5159",
        "subject": "No invoice",
        "status": "open",
        "type": "question",
        "tags": ["billing", "vip"],
        "url": "acme.zendesk.com/agent/tickets/5159",
        "requester_email": "ana@acme.example",
    }


def test_two_triggers_for_one_change_are_two_events_and_a_repeat_is_none() -> None:
    solved = json.loads(EXAMPLES[2]) | {"event": "ticket.solved"}
    assert told(solved).id != told(EXAMPLES[2]).id
    assert told(EXAMPLES[2]).id == told(EXAMPLES[2]).id


@pytest.mark.parametrize(("rating", "score"), [("Good", 1), ("Good with comment", 1), ("Bad", 0), ("Offered", None)])
def test_satisfaction_is_an_answer(rating: str, score: int | None) -> None:
    event = told(json.loads(EXAMPLES[3]) | {"satisfaction": {"rating": rating, "comment": "slow"}})
    assert (event.name, event.properties.get("score"), event.properties["comment"]) == ("csat.answered", score, "slow")


def test_a_user_is_the_same_as_their_address() -> None:
    body = {
        "type": "zen:event-type:user.created",
        "id": "1",
        "subject": "zen:user:7",
        "detail": {"id": "7", "email": "A@b.example"},
    }
    body["detail"] |= {"organization_id": "0"}  # type: ignore[operator]
    event = told(body)
    assert (event.about, event.same) == (("zendesk:user:7", "email:a@b.example"), (("zendesk:user:7", "email:a@b.example"),))


def test_with_the_api_a_ticket_is_fetched_first() -> None:
    api = {"base_url": "https://acme.zendesk.com", "user": "ana@acme.example/token", "password": "env:T"}
    incoming = Incoming("POST", "/", {}, {}, EXAMPLES[0], NOW)
    (only,) = read(incoming, Settings.model_validate({"secret": "env:X", "api": api}))
    assert isinstance(only, Notified)
    assert (only.id, only.thing) == ("01JH-4", "zen:ticket:5158")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "zen:event-type:ticket.created"},
        {"type": "zen:event-type:", "subject": 3, "detail": [], "event": "x", "id": {}},
        {"type": "zen:event-type:ticket.status_changed", "subject": "zen:ticket:", "event": {"current": ["a"], "previous": 5}},
        {"ticket": {"id": {"a": 1}, "requester": 5, "organization": "x", "tags": [None, 3, {}], "updated_at": 10**18}},
        {"event": 7, "ticket": {}},
    ],
)
def test_a_signed_body_of_any_shape_is_an_event(body: JsonObject) -> None:
    event = told(body)
    assert event.id
    assert event.name
    assert event.vendor == body


async def test_a_ticket_that_is_fetched_tells_who_asked() -> None:
    answer = {
        "ticket": {"id": 5158, "requester_id": 7, "organization_id": 99},
        "users": [{"id": 3, "email": "agent@us.example"}, {"id": 7, "email": "Ana@Acme.example"}],
        "organizations": [{"id": 99, "external_id": "acme"}],
    }
    api = AskedApi({"/api/v2/tickets/5158": answer})
    (event,) = await fetch(notified(), Settings(), api)
    assert api.asked == [("/api/v2/tickets/5158", {"include": "users,organizations"})]
    assert (event.id, event.name) == ("01JH-4", "ticket.created")
    assert event.about == ("zendesk:org:99", "zendesk:user:7", "email:ana@acme.example")
    assert event.properties["requester_email"] == "ana@acme.example"
    assert event.vendor["organization"] == {"id": 99, "external_id": "acme"}


async def test_a_ticket_that_is_gone_is_told_as_it_was() -> None:
    (event,) = await fetch(notified(), Settings(), AskedApi({}))
    assert (event.name, event.about) == ("ticket.created", ("zendesk:org:99", "zendesk:user:7"))


def notified() -> Notified:
    return Notified(id="01JH-4", thing="zen:ticket:5158", vendor=json.loads(EXAMPLES[0]))
