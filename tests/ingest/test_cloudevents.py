import json
from typing import Any

import jsonschema
import pytest

from services.ingest.apis.cloudevents import LARGEST_CLOUD_EVENT, read_structured
from services.ingest.apis.cloudevents_binary import read_binary
from services.ingest.errors import Refused
from shared.instants import parse_instant
from shared.records import Event, decode_events_record
from tests.ingest.conftest import sender_with

ONE = {"specversion": "1.0", "id": "e1", "source": "/reports", "type": "report.exported", "accountid": "acme"}
HEADERS = {f"ce-{name}": value for name, value in ONE.items()}

# What https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/cloudevents.json says of an event, in our words.
PUBLISHED = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        **{name: {"type": "string", "minLength": 1} for name in ("id", "source", "specversion", "type")},
        **{name: {"type": ["string", "null"], "minLength": 1} for name in ("datacontenttype", "dataschema", "subject", "time")},
        "data": {"type": ["object", "string", "number", "array", "boolean", "null"]},
        "data_base64": {"type": ["string", "null"], "contentEncoding": "base64"},
    },
}


def event_in(raw: bytes, **sender: Any) -> Event:
    (entry,) = read_structured(raw, sender_with(**sender)).entries
    record = decode_events_record(entry.value)
    assert isinstance(record, Event)
    assert entry.key == (record.account_id or record.about)
    return record


def taken(**more: Any) -> Event:
    return event_in(json.dumps({**ONE, **more}).encode())


def refused(**more: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as error:
        taken(**more)
    return error.value.code, error.value.pointer


def binary(body: bytes, *more: tuple[str, bytes | str], **changed: str | None) -> Event:
    given = HEADERS | {f"ce-{name}": value for name, value in changed.items()}
    headers = [*((name, value) for name, value in given.items() if value is not None), *more]
    raw = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    (entry,) = read_binary(body, sender_with(), raw).entries
    record = decode_events_record(entry.value)
    assert isinstance(record, Event)
    return record


def refused_binary(body: bytes, *more: tuple[str, bytes | str], **changed: str | None) -> tuple[str, str]:
    with pytest.raises(Refused) as error:
        binary(body, *more, **changed)
    return error.value.code, error.value.pointer


def test_attributes_and_data_become_an_event() -> None:
    assert taken(time="2026-03-01T09:00:00+01:00", userid="u7", data={"pages": 12}) == Event(
        id="e1",
        name="report.exported",
        source="/reports",
        account_id="acme",
        user_id="u7",
        occurred_at=parse_instant("2026-03-01T08:00:00Z"),
        properties_json=taken(data={"pages": 12}).properties_json,
    )
    assert taken(data={"pages": 12}).properties == {"pages": 12}
    assert taken().properties == {}
    assert taken().occurred_at is None


@pytest.mark.parametrize(
    ("type_", "name", "sent"),
    [
        ("report.exported", "report.exported", None),
        ("com.acme.report.exported.v1", "com.acme.report.exported.v1", None),
        ("com.github.pull-request.opened", "com.github.pull_request.opened", "com.github.pull-request.opened"),
        ("Microsoft.Storage.BlobCreated", "microsoft.storage.blob_created", "Microsoft.Storage.BlobCreated"),
        ("Report Exported", "report.exported", "Report Exported"),
    ],
)
def test_the_type_is_the_name(type_: str, name: str, sent: str | None) -> None:
    event = taken(type=type_)
    assert (event.name, event.sent_name) == (name, sent)


@pytest.mark.parametrize(
    ("said", "account"),
    [
        ({"accountid": "a", "data": {"account_id": "b"}, "subject": "c"}, "a"),
        ({"accountid": None, "data": {"account_id": "b"}, "subject": "c"}, "b"),
        ({"accountid": "", "data": {"account_id": ""}, "subject": "c"}, "c"),
        ({"accountid": 42}, "42"),
        ({"accountid": None, "data": {"account_id": 42}}, "42"),
    ],
)
def test_the_account_is_the_extension_else_in_the_data_else_the_subject(said: dict[str, Any], account: str) -> None:
    assert taken(**said).account_id == account


def test_without_an_account_it_is_about_the_user() -> None:
    assert (taken(accountid=None, userid="u7").about, taken(accountid=None, data={"user_id": 7}).about) == ("user:u7", "user:7")
    assert refused(accountid=None) == ("missing_field", "/accountid")
    assert refused(accountid=None, data={"account_id": ["a"]}) == ("wrong_type", "/data/account_id")
    assert refused(accountid=True) == ("wrong_type", "/accountid")


@pytest.mark.parametrize("data", ["text", 7, [1, 2], True, "", 0, False])
def test_data_that_is_no_object_is_kept(data: object) -> None:
    assert taken(data=data).properties == {"data": data}


def test_bytes_are_kept_as_base64_and_there_is_one_kind_of_data() -> None:
    assert taken(data_base64="AQID").properties == {"data_base64": "AQID"}
    assert taken(data=None, data_base64="").properties == {"data_base64": ""}
    assert refused(data={}, data_base64="AQID") == ("bad_value", "/data_base64")
    assert refused(data_base64="AQI") == ("bad_value", "/data_base64")
    assert refused(data_base64="AQ ID") == ("bad_value", "/data_base64")
    assert refused(data_base64=7) == ("wrong_type", "/data_base64")


def test_what_other_attributes_say_is_kept_beside_the_data() -> None:
    more = {"traceparent": "00-4bf9", "sampledrate": 30, "replayed": False, "subject": "r.pdf", "datacontenttype": "text/csv"}
    assert taken(**more, data="a,b").properties == {"data": "a,b", "cloudevent": more}
    assert taken(subject="r.pdf", data={"a": 1}).properties == {"a": 1, "cloudevent": {"subject": "r.pdf"}}
    assert taken(accountid=None, subject="acme", data={"a": 1}).properties == {"a": 1}
    assert taken(datacontenttype="application/json; charset=utf-8", data={"a": 1}).properties == {"a": 1}
    # Nothing is overwritten.
    own = {"cloudevent": "mine"}
    assert taken(data=own).properties == own
    assert taken(data=own, sequence="7").properties == {"data": own, "cloudevent": {"sequence": "7"}}


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        *(({name: None}, "missing_field", f"/{name}") for name in ("specversion", "id", "source", "type")),
        *(({name: ""}, "bad_value", f"/{name}") for name in ("id", "source", "type", "subject", "datacontenttype", "dataschema")),
        *(
            ({name: 7}, "wrong_type", f"/{name}")
            for name in ("specversion", "id", "source", "type", "subject", "time", "dataschema")
        ),
        ({"specversion": "0.3"}, "bad_value", "/specversion"),
        ({"specversion": "1.0.2"}, "bad_value", "/specversion"),
        ({"id": "x" * 257}, "bad_value", "/id"),
        ({"type": "x" * 201}, "bad_value", "/type"),
        ({"type": "???"}, "bad_value", "/type"),
        ({"source": "two words"}, "bad_value", "/source"),
        ({"source": "/a%zz"}, "bad_value", "/source"),
        ({"source": "7:a"}, "bad_value", "/source"),
        ({"source": "/a#b#c"}, "bad_value", "/source"),
        ({"dataschema": "/relative"}, "bad_value", "/dataschema"),
        ({"time": "yesterday"}, "bad_value", "/time"),
        ({"time": "2026-03-01"}, "bad_value", "/time"),
        ({"time": "2026-03-01T09:00:00"}, "bad_value", "/time"),
        ({"time": "2026-02-30T09:00:00Z"}, "bad_value", "/time"),
        ({"account_id": "acme"}, "unknown_field", "/account_id"),
        ({"accountId": "acme"}, "unknown_field", "/accountId"),
        ({"trace/parent": "1"}, "unknown_field", "/trace~1parent"),
        ({"trace": {"a": 1}}, "wrong_type", "/trace"),
        ({"trace": [1]}, "wrong_type", "/trace"),
        ({"trace": 1.5}, "wrong_type", "/trace"),
        ({"trace": 2**31}, "bad_value", "/trace"),
        ({"trace": -(2**31) - 1}, "bad_value", "/trace"),
        ({"trace": "a\nb"}, "bad_text", "/trace"),
        ({"subject": "a\x7fb"}, "bad_text", "/subject"),
    ],
)
def test_what_is_no_cloudevent_is_refused_at_its_place(changed: dict[str, Any], code: str, pointer: str) -> None:
    assert refused(**changed) == (code, pointer)


@pytest.mark.parametrize(
    "fine",
    [
        {"source": source}
        for source in (
            "https://github.com/acme/web?a=b#c",
            "mailto:a@b.example",
            "urn:uuid:6e8b",
            "/a/b",
            "a",
            "%C3%BC",
            "#x",
            "//h/[::1]",
        )
    ]
    + [{"trace": value} for value in (2**31 - 1, -(2**31), True, "", "ü€😀")]
    + [{"time": "2026-03-01t09:00:00.123456789z"}, {"id": "x" * 256}, {"type": "x" * 200}, {"dataschema": "urn:acme:report"}],
)
def test_what_is_one_is_taken_on_the_boundary_too(fine: dict[str, Any]) -> None:
    assert taken(**fine).account_id == "acme"


def test_the_published_schema_agrees_on_everything_that_is_taken() -> None:
    good: list[dict[str, Any]] = [
        {},
        {"data": []},
        {"data_base64": "AQID"},
        {"subject": "r", "time": None},
        {"dataschema": "urn:a:b"},
    ]
    for more in good:
        assert taken(**more).id == "e1"
        jsonschema.validate({**ONE, **more}, PUBLISHED)
    for bad in ({"id": ""}, {"id": None}, {"source": 7}, {"subject": ""}, {"specversion": None}, {"type": ""}):
        assert refused(**bad)
        assert not jsonschema.Draft202012Validator(PUBLISHED).is_valid({**ONE, **bad})


def test_the_refused_are_named_and_an_event_has_at_most_64_kb() -> None:
    with pytest.raises(Refused) as error:
        taken(type="?")
    assert error.value.id == "e1"
    raw = json.dumps(ONE).encode()
    assert event_in(raw + b" " * (LARGEST_CLOUD_EVENT - len(raw))).id == "e1"
    with pytest.raises(Refused, match="too_large"):
        event_in(raw + b" " * (LARGEST_CLOUD_EVENT - len(raw) + 1))


def test_a_key_of_some_names_sends_no_others() -> None:
    raw = json.dumps(ONE).encode()
    assert event_in(raw, events=("report.*",)).name == "report.exported"
    with pytest.raises(Refused, match="not_allowed"):
        event_in(raw, events=("ticket.*",))


JSON = ("content-type", "application/json")


def test_binary_attributes_are_headers_and_the_data_is_the_body() -> None:
    event = binary(b'{"pages":12}', JSON, userid="u7", time="2026-03-01T09:00:00Z")
    assert (event.id, event.source, event.account_id, event.user_id) == ("e1", "/reports", "acme", "u7")
    assert (event.properties, event.occurred_at) == ({"pages": 12}, parse_instant("2026-03-01T09:00:00Z"))
    assert binary(b"", JSON).properties == {}
    assert binary(b"", accountid=None, subject="acme").account_id == "acme"


@pytest.mark.parametrize(
    ("media", "body", "properties"),
    [
        ("application/vnd.acme.v1+json; charset=utf-8", b'{"a":1}', {"a": 1}),
        ("text/json", b"[1]", {"data": [1]}),
        ("text/plain", "ü".encode(), {"data": "ü"}),
        ("application/xml", b"<a/>", {"data": "<a/>"}),
        ("application/atom+xml", b"<a/>", {"data": "<a/>"}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("text/plain", b"\0", {"data_base64": "AA=="}),
        ("application/octet-stream", b"text", {"data_base64": "dGV4dA=="}),
        (None, b'{"a":1}', {"a": 1}),
        (None, b"text", {"data": "text"}),
        (None, b"\xff", {"data_base64": "/w=="}),
    ],
)
def test_data_is_read_as_its_media_type_says(media: str | None, body: bytes, properties: dict[str, Any]) -> None:
    found = binary(body, *([("content-type", media)] if media else [])).properties
    assert {name: value for name, value in found.items() if name != "cloudevent"} == properties
    assert found.get("cloudevent") == (None if media is None else {"datacontenttype": media})


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b"%61bc", "abc"),
        (b"a%2520b", "a%20b"),
        (b'"a \\"b\\" c"', 'a "b" c'),
        (b'"a%20b"', "a b"),
        ("€".encode(), "€"),
        (b"100%", "100%"),
    ],
)
def test_a_header_is_percent_decoded_once(header: bytes, text: str) -> None:
    assert binary(b"", ("ce-note", header)).properties == {"cloudevent": {"note": text}}


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("ce-note", b"%C0%A0", "not_utf8"),
        ("ce-note", b"\xff", "not_utf8"),
        ("ce-note", b"%ED%A0%80", "not_utf8"),
        ("ce-note", b"a%00b", "bad_text"),
        ("ce-note", b"a%0Ab", "bad_text"),
        ("ce-id", b"e2", "duplicate_key"),
        ("ce-account-id", b"acme", "unknown_field"),
        ("ce-datacontenttype", b"text/plain", "unknown_field"),
        ("ce-data", b"x", "unknown_field"),
        ("ce-data_base64", b"AQID", "unknown_field"),
    ],
)
def test_a_header_that_is_no_attribute_is_refused(header: str, value: bytes, code: str) -> None:
    assert refused_binary(b"", (header, value)) == (code, f"/{header.removeprefix('ce-')}")


def test_binary_events_are_refused_as_others_are() -> None:
    assert refused_binary(b"", id=None) == ("missing_field", "/id")
    assert refused_binary(b"", specversion="0.3") == ("bad_value", "/specversion")
    assert refused_binary(b'{"a":NaN}', JSON) == ("not_a_number", "/data/a")
    assert refused_binary(b"{", JSON) == ("malformed", "/data")
    assert refused_binary(b'{"a":1,"a":1}') == ("duplicate_key", "/data/a")
    assert refused_binary(b"x" * LARGEST_CLOUD_EVENT, ("content-type", "text/plain")) == ("too_large", "")
    with pytest.raises(Refused) as error:
        binary(b"{", JSON)
    assert error.value.id == "e1"
