from typing import Any

import msgspec
import pytest

from services.ingest.apis.segment import Batch, Context, read_message
from services.ingest.errors import Refused
from services.ingest.sender import Sender
from shared.instants import SECOND, parse_instant
from shared.records import Event, EventsRecord, Mapping, as_json, decode_events_record
from tests.ingest.conftest import NOW, sender_with

EIGHT, NINE = parse_instant("2026-03-01T08:00:00Z"), parse_instant("2026-03-01T09:00:00Z")


def records(call: str, sender: Sender | None = None, batch: Batch | None = None, **fields: Any) -> list[tuple[str, EventsRecord]]:
    raw = msgspec.json.encode({"type": call, "messageId": "m1", **fields})
    return [
        (entry.key, decode_events_record(entry.value))
        for entry in read_message(raw, sender or sender_with(), None, batch).entries
    ]


def event(call: str, sender: Sender | None = None, batch: Batch | None = None, **fields: Any) -> tuple[str, Event]:
    (found,) = [(key, record) for key, record in records(call, sender, batch, **fields) if isinstance(record, Event)]
    return found


def refusal(call: str, sender: Sender | None = None, **fields: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        records(call, sender, **fields)
    assert caught.value.id == "m1"
    return caught.value.code, caught.value.pointer


def test_track_is_an_event_of_its_name() -> None:
    expected = Event(
        id="m1",
        name="data_export.finished",
        sent_name="Data Export Finished",
        source="backend",
        about="user:u1",
        user_id="u1",
        properties_json=as_json({"pages": 3}),
    )
    assert records("track", userId="u1", event="Data Export Finished", properties={"pages": 3}) == [("user:u1", expected)]


@pytest.mark.parametrize(
    "said",
    [
        {"context": {"groupId": "acme"}},
        {"groupId": "acme"},
        {"context": {"traits": {"groupId": "acme"}}},
        {"context": {"groupId": "acme", "ip": 1}},
    ],
)
def test_the_account_is_the_group_that_the_message_names(said: dict[str, Any]) -> None:
    key, tracked = event("track", userId="u1", event="a.b", **said)
    assert (key, tracked.account_id, tracked.user_id, tracked.about) == ("acme", "acme", "u1", None)


def test_a_group_may_have_a_number() -> None:
    assert event("track", userId=7, event="a.b", context={"groupId": 42})[1].account_id == "42"


def test_who_is_not_known_yet_is_anonymous() -> None:
    key, tracked = event("track", anonymousId="a1", event="a.b")
    assert (key, tracked.about, tracked.user_id) == ("anonymous:a1", "anonymous:a1", None)
    assert event("track", anonymousId="a1", userId="u1", event="a.b")[0] == "user:u1"
    assert event("track", anonymousId="a1", userId="", event="a.b")[0] == "anonymous:a1"


def test_what_holds_for_the_batch_holds_for_a_message_that_does_not_say_otherwise() -> None:
    batch = Batch([], context=Context(group_id="acme"))
    assert event("track", batch=batch, userId="u1", event="a.b")[0] == "acme"
    assert event("track", batch=batch, userId="u1", event="a.b", context={"traits": {}})[0] == "acme"
    assert event("track", batch=batch, userId="u1", event="a.b", context={"groupId": "other"})[0] == "other"


def test_group_says_whose_user_it_is_under_the_user_and_tells_traits_under_the_account() -> None:
    updated = Event(id="m1", name="account.updated", source="backend", account_id="acme", user_id="u1", traits={"plan": "pro"})
    assert records("group", userId="u1", groupId="acme", traits={"plan": "pro"}) == [
        ("user:u1", Mapping(alias="user:u1", account_id="acme")),
        ("acme", updated),
    ]
    assert records("group", anonymousId="a1", groupId="acme")[0] == (
        "anonymous:a1",
        Mapping(alias="anonymous:a1", account_id="acme"),
    )


def test_identify_tells_the_users_traits() -> None:
    key, updated = event("identify", userId="u1", traits={"role": "admin"})
    assert (key, updated.name, updated.user_traits, updated.traits) == ("user:u1", "user.updated", {"role": "admin"}, None)
    assert event("identify", userId="u1", context={"groupId": "acme"})[0] == "acme"


def test_identify_makes_the_address_and_the_visitor_aliases_of_the_user() -> None:
    found = records("identify", userId="u1", anonymousId="a1", traits={"email": "Ana@Acme.example"})
    assert found[:-1] == [
        ("anonymous:a1", Mapping(alias="anonymous:a1", same_as="user:u1")),
        ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1")),
        ("user:u1", Mapping(alias="user:u1", same_as="domain:acme.example")),
    ]
    assert len(records("identify", userId="u1", groupId="acme", traits={"email": "ana@acme.example"})) == 2
    assert len(records("identify", userId="u1", traits={"email": "ana@gmail.com"})) == 2
    assert len(records("identify", userId="u1", traits={"email": "not an address"})) == 1
    assert len(records("identify", userId="u1", traits={"email": 7})) == 1
    assert len(records("identify", anonymousId="a1", traits={"email": "ana@acme.example"})) == 1


def test_alias_makes_two_users_one() -> None:
    assert records("alias", previousId="old", userId="u1") == [
        ("user:old", Mapping(alias="user:old", same_as="user:u1")),
        ("anonymous:old", Mapping(alias="anonymous:old", same_as="user:u1")),
    ]
    assert ("user:u1", Mapping(alias="user:u1", same_as="user:u1")) not in records("alias", previousId="u1", userId="u1")


@pytest.mark.parametrize(("call", "name"), [("page", "page.viewed"), ("screen", "screen.viewed")])
def test_pages_and_screens_are_viewed(call: str, name: str) -> None:
    _, viewed = event(call, userId="u1", name="Home", category="Docs", properties={"url": "/"})
    assert (viewed.name, viewed.properties) == (name, {"url": "/", "name": "Home", "category": "Docs"})
    assert event(call, userId="u1")[1].properties == {}


def test_the_senders_clock_is_corrected_by_how_far_it_is_off() -> None:
    slow: dict[str, Any] = {"timestamp": "2026-03-01T08:00:00Z", "sentAt": "2026-03-01T11:00:00Z"}  # an hour behind NOW, 12:00
    assert event("track", userId="u1", event="a.b", **slow)[1].occurred_at == NINE
    fast: dict[str, Any] = {"timestamp": "2026-03-01T10:00:10Z", "sentAt": "2026-03-01T13:00:10Z"}
    assert event("track", userId="u1", event="a.b", **fast)[1].occurred_at == NINE
    assert event("track", userId="u1", event="a.b", timestamp="2026-03-01T09:00:00Z")[1].occurred_at == NINE
    assert event("track", userId="u1", event="a.b", sentAt="2026-03-01T09:00:00Z")[1].occurred_at is None
    of_batch = Batch([], sent_at="2026-03-01T11:00:00Z")
    assert event("track", batch=of_batch, userId="u1", event="a.b", timestamp="2026-03-01T08:00:00Z")[1].occurred_at == NINE


def test_a_replayed_log_takes_its_time_from_the_message() -> None:
    replayed = sender_with(replay=True)
    sent = {"timestamp": "2026-03-01T08:00:00Z", "sentAt": "2026-03-01T08:00:01Z", "receivedAt": "2026-03-01T08:00:03Z"}

    def times(**fields: Any) -> tuple[int | None, int | None]:
        raw = msgspec.json.encode({"type": "track", "userId": "u1", "event": "a.b", **fields})
        (entry,) = read_message(raw, replayed).entries
        record = decode_events_record(entry.value)
        assert isinstance(record, Event)
        return record.occurred_at, entry.at

    assert times(**sent) == (EIGHT + 2 * SECOND, EIGHT + 3 * SECOND)
    assert times(timestamp=sent["timestamp"], sentAt=sent["sentAt"]) == (EIGHT, EIGHT)
    assert refusal("track", replayed, userId="u1", event="a.b") == ("missing_field", "/timestamp")
    assert NOW not in times(**sent)


def test_the_route_says_what_a_message_is() -> None:
    raw = msgspec.json.encode({"userId": "u1", "event": "a.b", "type": "page"})
    taken = read_message(raw, sender_with(), "track")
    assert (taken.id, taken.is_new, b'"a.b"' in taken.entries[0].value) == ("new", True, True)


@pytest.mark.parametrize(
    ("call", "fields", "code", "pointer"),
    [
        ("track", {"userId": "u1"}, "missing_field", "/event"),
        ("track", {"userId": "u1", "event": ""}, "missing_field", "/event"),
        ("track", {"userId": "u1", "event": "?"}, "bad_value", "/event"),
        ("track", {"userId": "u1", "event": "a" * 201}, "bad_value", "/event"),
        ("track", {"userId": "u1", "event": 7}, "wrong_type", "/event"),
        ("track", {"event": "a.b"}, "missing_field", "/userId"),
        ("track", {"event": "a.b", "userId": None, "anonymousId": ""}, "missing_field", "/userId"),
        ("track", {"event": "a.b", "userId": 1.5}, "wrong_type", "/userId"),
        ("track", {"event": "a.b", "userId": "u" * 257}, "bad_value", "/userId"),
        ("track", {"event": "a.b", "userId": "u1", "context": {"groupId": {}}}, "wrong_type", "/context"),
        (
            "track",
            {"event": "a.b", "userId": "u1", "context": {"traits": {"groupId": []}}},
            "wrong_type",
            "/context/traits/groupId",
        ),
        ("track", {"event": "a.b", "userId": "u1", "timestamp": "now"}, "bad_value", "/timestamp"),
        ("track", {"event": "a.b", "userId": "u1", "timestamp": "2026-03-01", "sentAt": "now"}, "bad_value", "/sentAt"),
        ("group", {"userId": "u1"}, "missing_field", "/groupId"),
        ("group", {"groupId": "acme"}, "missing_field", "/userId"),
        ("group", {"userId": "u1", "groupId": "acme", "traits": []}, "wrong_type", "/traits"),
        ("alias", {"userId": "u1"}, "missing_field", "/previousId"),
        ("alias", {"previousId": "u1"}, "missing_field", "/userId"),
        ("identify", {}, "missing_field", "/userId"),
        ("import", {"userId": "u1"}, "bad_value", "/type"),
    ],
)
def test_what_is_wrong_with_a_message_is_said_with_its_place(call: str, fields: dict[str, Any], code: str, pointer: str) -> None:
    assert refusal(call, **fields) == (code, pointer)


def test_a_key_without_traits_tells_no_traits_and_no_identity() -> None:
    limited = sender_with(traits=(), events=("report.*",))
    assert event("track", limited, userId="u1", event="Report Exported")
    assert refusal("track", limited, userId="u1", event="Signed Up") == ("not_allowed", "/event")
    for call, fields in (("identify", {}), ("group", {"groupId": "acme"}), ("alias", {"previousId": "old"})):
        assert refusal(call, sender_with(traits=()), userId="u1", **fields) == ("not_allowed", "")
