import json
from typing import Any

import pytest

from services.ingest.apis.posthog import Batch, read_captured
from services.ingest.errors import Refused
from shared.instants import SECOND, parse_instant
from shared.records import Event, Mapping, decode_events_record
from tests.ingest.conftest import NOW, sender_with

ONE = {"event": "Report Exported", "distinct_id": "u1", "uuid": "e1"}
COMPANY = {"$groups": {"company": "acme"}}


def records(around: Batch | None = None, sender: dict[str, Any] | None = None, **more: Any) -> list[tuple[str, Event | Mapping]]:
    raw = json.dumps({**ONE, **more}).encode()
    entries = read_captured(raw, sender_with(**(sender or {})), around or Batch([])).entries
    return [(entry.key, decode_events_record(entry.value)) for entry in entries]


def event(around: Batch | None = None, **more: Any) -> Event:
    ((key, record),) = records(around, **more)
    assert isinstance(record, Event)
    assert key == (record.account_id or record.about)
    return record


def refused(around: Batch | None = None, sender: dict[str, Any] | None = None, **more: Any) -> tuple[str, str, str | None]:
    with pytest.raises(Refused) as error:
        records(around, sender, **more)
    return error.value.code, error.value.pointer, error.value.id


def test_what_was_captured_is_an_event_of_that_name() -> None:
    found = event(properties={"pages": 12, **COMPANY})
    assert (found.id, found.name, found.sent_name, found.source) == ("e1", "report.exported", "Report Exported", "backend")
    assert (found.account_id, found.user_id, found.about) == ("acme", "u1", None)
    assert found.properties == {"pages": 12, **COMPANY}


@pytest.mark.parametrize(
    ("groups", "account"),
    [
        ({"account": "a", "company": "c"}, "a"),
        ({"organization": "o", "company": "c"}, "c"),
        ({"organization": "o", "project": "p"}, "o"),
        ({"company": 42}, "42"),
        ({"company": "", "organization": "o"}, "o"),
        ({"project": "p"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_account_is_the_group_that_is_a_company(groups: dict[str, Any] | None, account: str | None) -> None:
    found = event(properties={"$groups": groups})
    assert (found.account_id, found.about) == (account, None if account else "user:u1")
    assert found.properties["$groups"] == groups


@pytest.mark.parametrize(
    ("sent", "name"),
    [("$pageview", "page.viewed"), ("$screen", "screen.viewed"), ("$feature_flag_called", "feature_flag.called"), ("a.b", "a.b")],
)
def test_posthogs_own_names_are_brought_into_ours(sent: str, name: str) -> None:
    assert event(event=sent).name == name


@pytest.mark.parametrize(
    "said", [{"properties": {"$process_person_profile": False}}, {"options": {"process_person_profile": False}}]
)
def test_an_event_without_a_person_is_about_somebody_anonymous(said: dict[str, Any]) -> None:
    assert (event(**said).user_id, event(**said).about) == (None, "anonymous:u1")


def test_traits_are_set_by_any_event() -> None:
    found = event(properties={"$set": {"role": "admin"}, "pages": 1, **COMPANY})
    assert (found.user_traits, found.properties) == ({"role": "admin"}, {"pages": 1, **COMPANY})


@pytest.mark.parametrize(
    "said", [{"$set": {"email": "Ana@acme.example"}}, {"properties": {"$set": {"email": "Ana@acme.example"}}}]
)
@pytest.mark.parametrize("call", ["$set", "$identify"])
def test_a_person_is_identified(call: str, said: dict[str, Any]) -> None:
    (alias_key, alias), (key, found) = records(event=call, **said)
    assert (alias_key, alias) == ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1"))
    assert isinstance(found, Event)
    assert (key, found.name, found.user_traits) == ("user:u1", "user.updated", {"email": "Ana@acme.example"})


def test_who_was_anonymous_is_known_from_now_on() -> None:
    *aliases, (_, found) = records(event="$identify", properties={"$anon_distinct_id": "x9"})
    assert [record for _, record in aliases] == [Mapping(alias=f"{kind}:x9", same_as="user:u1") for kind in ("user", "anonymous")]
    assert isinstance(found, Event)
    assert found.user_traits is None


def test_what_is_set_once_stays_a_property() -> None:
    once: dict[str, Any] = {"$set_once": {"first": 1}}
    found = event(event="$set_once", **once)
    assert (found.name, found.user_traits, found.properties) == ("user.updated", None, {"$set_once": {"first": 1}})


def test_a_group_is_an_account_with_traits_and_a_member() -> None:
    group = {"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "pro"}}
    (alias, mapping), (key, found) = records(event="$groupidentify", properties=group)
    assert (alias, mapping) == ("user:u1", Mapping(alias="user:u1", account_id="acme"))
    assert isinstance(found, Event)
    assert (key, found.name, found.traits, found.user_id) == ("acme", "account.updated", {"plan": "pro"}, None)
    team = {**group, "$group_type": "team"}
    other = event(event="$groupidentify", properties=team)
    assert (other.name, other.traits, other.about, other.properties) == ("group.updated", None, "user:u1", team)
    assert refused(event="$groupidentify", properties={**group, "$group_key": ""})[:2] == (
        "missing_field",
        "/properties/$group_key",
    )


def test_an_alias_is_the_same_user() -> None:
    found = records(event="$create_alias", distinct_id="old", properties={"distinct_id": "old", "alias": "u1"})
    assert [record for _, record in found] == [Mapping(alias=f"{kind}:old", same_as="user:u1") for kind in ("user", "anonymous")]
    assert refused(event="$create_alias")[:2] == ("missing_field", "/properties/alias")


SENT = "2026-03-01T13:00:00+00:00"  # an hour after the server's clock
THEN = "2026-03-01T12:59:58Z"


def test_a_clock_that_is_off_is_corrected() -> None:
    assert event(Batch([], sent_at=SENT), timestamp=THEN).occurred_at == NOW - 2 * SECOND
    as_it_is = parse_instant(THEN)
    assert event(timestamp=THEN).occurred_at == as_it_is
    assert event(Batch([], sent_at=SENT), timestamp=THEN, properties={"$ignore_sent_at": True}).occurred_at == as_it_is
    assert event(Batch([], sent_at=SENT), timestamp=THEN, options={"disable_skew_correction": True}).occurred_at == as_it_is
    assert event().occurred_at is None


def test_a_migration_is_imported_history() -> None:
    history = Batch([], sent_at=SENT, historical_migration=True)
    found = event(history, timestamp=THEN)
    assert (found.imported, found.occurred_at) == (True, parse_instant(THEN))
    assert refused(history)[:2] == ("missing_field", "/timestamp")
    assert not event(timestamp=THEN).imported


def test_version_1_says_some_things_beside_the_properties() -> None:
    assert event(session_id="s", window_id="w", properties={"a": 1}).properties == {"a": 1, "$session_id": "s", "$window_id": "w"}
    assert event(options={"cookieless_mode": True}, properties={}).properties == {}


@pytest.mark.parametrize(
    ("said", "code", "pointer"),
    [
        ({"event": None}, "missing_field", "/event"),
        ({"event": ""}, "missing_field", "/event"),
        ({"event": "?"}, "bad_value", "/event"),
        ({"event": "x" * 201}, "bad_value", "/event"),
        ({"event": 7}, "wrong_type", "/event"),
        ({"distinct_id": None}, "missing_field", "/distinct_id"),
        ({"distinct_id": ""}, "bad_value", "/distinct_id"),
        ({"distinct_id": "x" * 257}, "bad_value", "/distinct_id"),
        ({"distinct_id": None, "properties": {"distinct_id": []}}, "wrong_type", "/properties/distinct_id"),
        ({"properties": []}, "wrong_type", "/properties"),
        ({"properties": {"$set": "x"}}, "wrong_type", "/properties/$set"),
        ({"properties": {"$groups": {"company": ["acme"]}}}, "wrong_type", "/properties/$groups/company"),
        ({"timestamp": "yesterday"}, "bad_value", "/timestamp"),
        ({"properties": {"text": "x" * 33_000}}, "too_large", ""),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(said: dict[str, Any], code: str, pointer: str) -> None:
    assert refused(**said) == (code, pointer, None if code == "too_large" else "e1")


NO_TRAITS: dict[str, Any] = {"traits": ()}


def test_a_key_that_may_not_tell_traits_tells_none() -> None:
    group = {"$group_type": "company", "$group_key": "acme"}
    assert records(None, NO_TRAITS, properties=COMPANY)
    for said in ({"properties": {"$set": {"a": 1}}}, {"event": "$identify"}, {"event": "$groupidentify", "properties": group}):
        assert refused(None, NO_TRAITS, **said)[0] == "not_allowed"
    assert refused(None, NO_TRAITS, event="$create_alias", properties={"alias": "u2"})[0] == "not_allowed"
    assert refused(None, {"events": ("ticket.*",)})[0] == "not_allowed"


def test_a_key_of_some_traits_tells_no_others() -> None:
    some: dict[str, Any] = {"traits": ("plan",)}
    assert records(None, some, properties={"$set": {"plan": "pro"}})
    assert refused(None, some, properties={"$set": {"role": "admin"}})[:2] == ("not_allowed", "/properties/$set/role")
    top: dict[str, Any] = {"$set": {"role": "admin"}}
    assert refused(None, some, **top)[:2] == ("not_allowed", "/$set/role")
    group = {"$group_type": "company", "$group_key": "acme", "$group_set": {"mrr": 1}}
    found = refused(None, some, event="$groupidentify", properties=group)
    assert found[:2] == ("not_allowed", "/properties/$group_set/mrr")
