from typing import Any

import msgspec
import pytest

from services.ingest.apis.items import read_item
from services.ingest.errors import Refused
from services.ingest.sender import Sender, Taken
from shared.instants import parse_instant
from shared.log.contract import Entry
from shared.records import Event, Mapping, as_json, decode_events_record
from tests.ingest.conftest import sender_with

NINE = parse_instant("2026-03-01T09:00:00Z")


def taken(sender: Sender | None = None, **fields: Any) -> Taken:
    item = {"name": "report.exported", "account_id": "acme", "id": "e1", **fields}
    raw = msgspec.json.encode({field: value for field, value in item.items() if value is not ...})
    return read_item(raw, sender or sender_with())


def entry(sender: Sender | None = None, **fields: Any) -> Entry:
    (only,) = taken(sender, **fields).entries
    return only


def event(sender: Sender | None = None, **fields: Any) -> Event:
    record = decode_events_record(entry(sender, **fields).value)
    assert isinstance(record, Event)
    return record


def refusal(sender: Sender | None = None, **fields: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        taken(sender, **fields)
    return caught.value.code, caught.value.pointer


def test_an_event_is_logged_under_its_account_as_it_was_sent() -> None:
    traits = {"traits": {"plan": "pro"}, "user_traits": {"role": "admin"}}
    sent: dict[str, Any] = {"user_id": "u1", "properties": {"pages": 12}, **traits}
    assert entry(**sent).key == "acme"
    assert event(occurred_at="2026-03-01T09:00:00Z", **sent) == Event(
        id="e1",
        name="report.exported",
        source="backend",
        account_id="acme",
        user_id="u1",
        occurred_at=NINE,
        properties_json=as_json({"pages": 12}),
        traits={"plan": "pro"},
        user_traits={"role": "admin"},
    )


def test_a_foreign_name_is_normalised_and_kept_beside() -> None:
    assert (event(name="Report Exported").name, event(name="Report Exported").sent_name) == ("report.exported", "Report Exported")
    assert event(name="report.exported").sent_name is None


@pytest.mark.parametrize(
    ("whom", "key"),
    [
        ({"user_id": "u1"}, "user:u1"),
        ({"user_id": 42}, "user:42"),
        ({"email": " Ana@Acme.example "}, "email:ana@acme.example"),
        ({"about": "zendesk:org:99"}, "zendesk:org:99"),
        ({"about": "zendesk:org:99", "user_id": "u1"}, "zendesk:org:99"),
        ({"about": "email:Ana@Acme.example"}, "email:ana@acme.example"),
        ({"about": "domain:Acme.example"}, "domain:acme.example"),
        ({"about": "user:U1"}, "user:U1"),
    ],
)
def test_an_event_without_an_account_is_logged_under_whom_it_is_about(whom: dict[str, Any], key: str) -> None:
    assert entry(account_id=..., **whom).key == key
    assert (event(account_id=..., **whom).about, event(account_id=..., **whom).account_id) == (key, None)


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"account_id": ...}, "missing_field", "/account_id"),
        ({"account_id": None}, "missing_field", "/account_id"),
        ({"name": ...}, "missing_field", "/name"),
        ({"name": None}, "missing_field", "/name"),
        ({"name": ""}, "bad_value", "/name"),
        ({"name": "?"}, "bad_value", "/name"),
        ({"name": "a" * 201}, "bad_value", "/name"),
        ({"name": 3}, "wrong_type", "/name"),
        ({"account_id": ""}, "bad_value", "/account_id"),
        ({"account_id": "a" * 257}, "bad_value", "/account_id"),
        ({"account_id": 1.5}, "wrong_type", "/account_id"),
        ({"account_id": True}, "wrong_type", "/account_id"),
        ({"account_id": ["acme"]}, "wrong_type", "/account_id"),
        ({"properties": "pages"}, "wrong_type", "/properties"),
        ({"traits": []}, "wrong_type", "/traits"),
        ({"imported": "yes"}, "wrong_type", "/imported"),
        ({"imported": True}, "missing_field", "/occurred_at"),
        ({"occurred_at": "yesterday"}, "bad_value", "/occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "bad_value", "/occurred_at"),
        ({"occurred_at": 1772355600}, "wrong_type", "/occurred_at"),
        ({"email": "ana@acme.example"}, "bad_value", "/email"),
        ({"about": "zendesk:org:99"}, "bad_value", "/about"),
        ({"account_id": ..., "email": "ana"}, "bad_value", "/email"),
        ({"account_id": ..., "about": "acme"}, "bad_value", "/about"),
        ({"account_id": ..., "about": "zendesk:"}, "bad_value", "/about"),
        ({"account_id": ..., "about": "domain:acme"}, "bad_value", "/about"),
        ({"account_id": ..., "about": []}, "bad_value", "/about"),
        ({"account_id": ..., "about": ["a:1", "acme"]}, "bad_value", "/about/1"),
        ({"account_id": ..., "about": [f"a:{number}" for number in range(6)]}, "bad_value", "/about"),
        ({"account_id": ..., "user_id": "u1", "aliases": ["a:1"]}, "bad_value", "/aliases"),
        ({"aliases": ["a:1", "acme"]}, "bad_value", "/aliases/1"),
        ({"aliases": ["domain:gmail.com"]}, "bad_value", "/aliases/0"),
        ({"source": "another"}, "not_allowed", "/source"),
        ({"porperties": {}}, "unknown_field", "/porperties"),
        ({"a/b": 1}, "unknown_field", "/a~1b"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_with_its_place(fields: dict[str, Any], code: str, pointer: str) -> None:
    assert refusal(**fields) == (code, pointer)


def test_several_aliases_are_asked_in_their_order() -> None:
    asked = event(account_id=..., about=["zendesk:org:9", "email:Jo@Acme.example"], user_id="u1", email="jo@acme.example")
    assert (asked.about, asked.else_about) == ("zendesk:org:9", ("email:jo@acme.example", "user:u1"))
    assert asked.user_id == "u1"


def test_an_account_is_told_its_other_names_before_the_event() -> None:
    entries = taken(aliases=["zendesk:org:9", "domain:Acme.example"]).entries
    assert [decode_events_record(one.value) for one in entries[:-1]] == [
        Mapping(alias="zendesk:org:9", account_id="acme"),
        Mapping(alias="domain:acme.example", account_id="acme"),
    ]
    assert [one.key for one in entries] == ["zendesk:org:9", "domain:acme.example", "acme"]
    assert refusal(sender_with(traits=()), aliases=["zendesk:org:9"]) == ("not_allowed", "")


def test_an_unknown_field_is_answered_with_the_nearest_word() -> None:
    with pytest.raises(Refused, match="did you mean 'properties'"):
        taken(porperties={})


@pytest.mark.parametrize(
    "same",
    ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00", "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00.000000Z", "2026-03-01T09"],
)
def test_a_time_without_an_offset_is_utc(same: str) -> None:
    assert event(occurred_at=same).occurred_at == NINE


def test_without_a_time_the_log_gives_it() -> None:
    assert event().occurred_at is None
    assert entry(occurred_at="2026-03-01T09:00:00Z").at is None


def test_numbers_are_ids_too() -> None:
    assert (event(id=7, account_id=42).id, event(id=7, account_id=42).account_id) == ("7", "42")


def test_an_event_without_an_id_is_given_one() -> None:
    assert taken(id=...) == Taken(taken(id="new").entries, "new", is_new=True)
    assert not taken(id="e1").is_new


def test_a_refused_event_keeps_its_id() -> None:
    for sent, told in ((7, "7"), ("e1", "e1"), ([], None), ("", None)):
        with pytest.raises(Refused) as caught:
            taken(id=sent, nonsense=1)
        assert caught.value.id == told


def test_32_kb_and_no_more() -> None:
    empty = len(msgspec.json.encode({"name": "a.b", "account_id": "acme", "id": "e1", "properties": {"x": ""}}))
    assert event(name="a.b", properties={"x": "a" * (32_768 - empty)}).id == "e1"
    assert refusal(name="a.b", properties={"x": "a" * (32_769 - empty)}) == ("too_large", "")


def test_history_says_when_it_was_and_may_name_its_source() -> None:
    history = event(imported=True, occurred_at="2026-03-01T09:00:00Z", source="old crm")
    assert (history.imported, history.source, history.occurred_at) == (True, "old crm", NINE)
    assert entry(imported=True, occurred_at="2026-03-01T09:00:00Z").at is None


def test_a_live_log_does_not_heed_when_a_file_says_it_was_received() -> None:
    assert entry(received_at="2020-01-01T00:00:00Z", seq=5).at is None


def test_a_replayed_log_takes_its_time_from_the_event() -> None:
    replayed = sender_with(replay=True)
    assert entry(replayed, occurred_at="2026-03-01T08:00:00Z", received_at="2026-03-01T09:00:00Z").at == NINE
    assert entry(replayed, occurred_at="2026-03-01T09:00:00Z").at == NINE
    assert event(replayed, occurred_at="2026-03-01T09:00:00Z", source="another").source == "another"
    assert refusal(replayed) == ("missing_field", "/occurred_at")
    assert refusal(replayed, received_at="soon") == ("bad_value", "/received_at")


def test_a_key_sends_what_it_may() -> None:
    tickets = sender_with(events=("ticket.*",), traits=())
    assert event(tickets, name="Ticket Created").name == "ticket.created"
    assert refusal(tickets) == ("not_allowed", "/name")
    assert refusal(tickets, name="ticket.created", traits={"plan": "pro"}) == ("not_allowed", "")
    assert refusal(tickets, name="ticket.created", user_traits={}) == ("not_allowed", "")


def test_a_key_tells_the_traits_that_it_may() -> None:
    some = sender_with(traits=("plan", "a/b"))
    assert event(some, traits={"plan": "pro"}, user_traits={"a/b": 1}).traits == {"plan": "pro"}
    assert refusal(some, traits={"plan": "pro", "m/rr": 5}) == ("not_allowed", "/traits/m~1rr")
    assert refusal(some, user_traits={"role": "admin"}) == ("not_allowed", "/user_traits/role")
