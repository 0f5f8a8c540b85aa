"""Whatever is sent by way of an SDK: it is taken, or refused with a code that is documented. Nothing else happens."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.apis import posthog
from services.ingest.apis.cloudevents import read_structured
from services.ingest.apis.cloudevents_binary import read_binary
from services.ingest.apis.posthog import read_captured
from services.ingest.apis.segment import CALLS, read_message
from services.ingest.errors import ITEM_CODES, Refused
from services.ingest.intake import Take
from shared.log.contract import MAX_VALUE
from shared.records import decode_events_record
from tests.ingest.conftest import sender_with

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "2026-03-01T09:00:00Z", "acme"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)

CLOUDEVENT = {"specversion": "1.0", "id": "e1", "source": "/reports", "type": "report.exported", "accountid": "acme"}
CLOUDEVENT_FIELDS = [
    *CLOUDEVENT,
    "userid",
    "subject",
    "time",
    "data",
    "data_base64",
    "dataschema",
    "datacontenttype",
    "trace",
    "Trace",
]
POSTHOG_INNER = ["$set", "$groups", "$group_type", "$group_key", "$group_set", "alias", "distinct_id", "$process_person_profile"]
POSTHOG_EVENTS = ["Report Exported", "$identify", "$set", "$groupidentify", "$create_alias"]
SEGMENT_FIELDS = [
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "event",
    "properties",
    "traits",
    "context",
    "timestamp",
    "sentAt",
    "name",
]


def changed(fields: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(fields), VALUES, max_size=4)


def take(read: Take, raw: bytes) -> None:
    refused, entries = None, []
    try:
        entries = read(raw, sender_with()).entries
    except Refused as error:
        refused = error
    if refused is not None:
        assert refused.code in ITEM_CODES
        assert refused.pointer == "" or refused.pointer.startswith("/")
        msgspec.json.encode([refused.id, refused.pointer, refused.detail])
    for entry in entries:
        assert 0 < len(entry.value) <= MAX_VALUE
        assert entry.key
        decode_events_record(entry.value)


@given(changed(CLOUDEVENT_FIELDS))
def test_structured_cloudevents(more: dict[str, Any]) -> None:
    take(read_structured, json.dumps({**CLOUDEVENT, **more}).encode())


HEADER_NAMES = st.sampled_from([*CLOUDEVENT_FIELDS, "trace-parent", "\u00fc"]).map(
    lambda name: f"ce-{name.lower()}".encode("latin-1")
)


@given(
    st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=20)), max_size=3),
    st.one_of(
        st.none(), st.sampled_from([b"application/json", b"text/plain", b"image/png", b";;", b"\xff"]), st.binary(max_size=12)
    ),
    st.one_of(st.binary(max_size=30), VALUES.map(lambda value: json.dumps(value).encode())),
)
def test_binary_cloudevents(more: list[tuple[bytes, bytes]], media_type: bytes | None, body: bytes) -> None:
    named = {f"ce-{name}".encode(): value.encode() for name, value in CLOUDEVENT.items()} | dict(more)
    headers = [*named.items(), *([(b"content-type", media_type)] if media_type is not None else [])]
    take(lambda raw, sender: read_binary(raw, sender, headers), body)


@given(
    st.sampled_from(POSTHOG_EVENTS),
    changed(POSTHOG_INNER),
    changed(["distinct_id", "properties", "timestamp", "$set", "uuid", "options"]),
)
def test_what_posthog_captures(event: str, inner: dict[str, Any], outer: dict[str, Any]) -> None:
    sent = {"event": event, "uuid": "e1", "distinct_id": "u1", "properties": {"$group_type": "company", **inner}, **outer}
    batch = posthog.Batch([], sent_at="2026-03-01T12:00:00Z")
    take(lambda raw, sender: read_captured(raw, sender, batch), json.dumps(sent).encode())


@given(st.sampled_from(list(CALLS)), changed(SEGMENT_FIELDS))
def test_segments_messages(call: str, more: dict[str, Any]) -> None:
    sent = {"userId": "u1", "messageId": "e1", "event": "Report Exported", "groupId": "acme", "previousId": "old", **more}
    take(lambda raw, sender: read_message(raw, sender, kind=call), json.dumps(sent).encode())
