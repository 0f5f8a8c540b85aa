"""The short way and the thorough one make the same of every event that both take, and the short one takes nothing else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.apis.items import read_item, read_thoroughly
from services.ingest.apis.plain import read_plain, read_plain_list
from services.ingest.errors import Refused
from services.ingest.http.body import LARGEST_EVENT, MOST_PROPERTIES
from services.ingest.reading.split import split_json
from services.ingest.sender import Sender, Taken
from tests.ingest.conftest import sender_with
from tests.ingest.test_json_read import json_values

PLAIN = {
    "id": "e1",
    "name": "Report Exported",
    "account_id": "acme",
    "user_id": "u1",
    "occurred_at": "2026-03-01T09:00:00.123456+02:00",
    "properties": {"pages": 12, "ratio": 0.5, "format": "pdf", "draft": False, "by": None},
}


def thoroughly(raw: bytes, sender: Sender) -> Taken | None:
    try:
        return read_thoroughly(raw, sender)
    except Refused:
        return None


def text(item: object, **style: Any) -> bytes:
    return json.dumps(item, **style).encode()


@pytest.mark.parametrize("without", ["", "user_id", "occurred_at", "properties"])
@pytest.mark.parametrize("style", [{}, {"separators": (",", ":")}, {"indent": 2}, {"separators": (" ,", " : ")}])
def test_a_plain_event_takes_the_short_way(without: str, style: dict[str, Any]) -> None:
    raw = text({field: value for field, value in PLAIN.items() if field != without}, **style)
    taken = read_plain(raw, sender_with())
    assert taken is not None
    assert taken == read_thoroughly(raw, sender_with())


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"id": "x" * 257},
        {"name": "!"},
        {"name": "x" * 201},
        {"account_id": None},
        {"user_id": 7},
        {"user_id": None},
        {"email": "a@b.example"},
        {"occurred_at": "yesterday"},
        {"occurred_at": "1969-12-31T23:59:59Z"},
        {"properties": {"a": [1]}},
        {"properties": {"a": {"b": 1}}},
        {"properties": {"a": 2**63}},
        {"properties": {"a": "\0"}},
        {"properties": {"a": 'say "x":'}},
        {"properties": []},
        {"traits": {"plan": "pro"}},
        {"imported": True},
        {"nonsense": 1},
    ],
)
def test_what_is_not_plain_is_read_thoroughly(change: dict[str, Any]) -> None:
    assert read_plain(text({**PLAIN, **change}), sender_with()) is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"e1","name":"a.b","account_id":"acme","id":"e2"}',
        b'{"id":"e1","name":"a.b","account_id":"acme","id" :"e2"}',
        b'{"id":"e1","name":"a.b","account_id":"acme","\\u0069d":"e2"}',
        b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"a":1,"b":2,"a"\t:3}}',
        b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"a":NaN}}',
        b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"a":1e999}}',
        b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"a":"\\ud800"}}',
        b'{"id":"e1","name":"a.b","account_id":"\xff"}',
        b'\xef\xbb\xbf{"id":"e1","name":"a.b","account_id":"acme"}',
        b"[]",
        b"",
    ],
)
def test_a_trap_is_left_to_who_can_name_it(raw: bytes) -> None:
    assert read_plain(raw, sender_with()) is None
    with pytest.raises(Refused):
        read_item(raw, sender_with())


def test_what_a_key_may_not_send_is_left_too() -> None:
    assert read_plain(text(PLAIN), sender_with(events=("ticket.*",))) is None
    assert read_plain(text(PLAIN), sender_with(events=("report.*",))) is not None
    assert read_plain(text(PLAIN), sender_with(replay=True)) is None


def test_so_many_properties_and_no_more() -> None:
    # Five fields beside them.
    event = {"id": "e1", "name": "a.b", "account_id": "acme", "user_id": "u1"}
    fits = {f"p{number}": 1 for number in range(MOST_PROPERTIES - 5)}
    for more in ({}, {"deep": None}):
        most = text({**event, "properties": {**fits, **more}})
        assert (read_plain(most, sender_with()) is None) is bool(more)
        assert (thoroughly(most, sender_with()) is None) is bool(more)
    with pytest.raises(Refused) as caught:
        read_item(text({**event, "properties": {**fits, "one/more": 1}}), sender_with())
    assert (caught.value.code, caught.value.pointer) == ("too_many_properties", "/properties/one~1more")


fields = st.fixed_dictionaries(
    {
        "id": st.text(max_size=5) | st.integers(0, 9),
        "name": st.sampled_from(["a.b", "A B", "", "é"]),
        "account_id": st.text(max_size=5),
    },
    optional={
        "user_id": st.text(max_size=3) | st.none(),
        "occurred_at": st.sampled_from(
            ["2026-03-01", "2026-03-01T09:00:00Z", "2026-03-01T24:00:00Z", "1960-01-01", "x", "20260301T09"]
        ),
        "properties": st.dictionaries(
            st.text(max_size=3), json_values | st.sampled_from([2**63, -(2**63), -(2**63) - 1]), max_size=4
        ),
        "traits": st.none() | st.just({}),
    },
)
styles = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"separators": (", ", " :")}, {"ensure_ascii": False}])


@given(fields, styles, st.integers(0, 40), st.sampled_from([b"", b'"id":"x",', b'"name" :"x",', b" ", b"\\u0000", b'":']))
def test_the_short_way_takes_nothing_that_the_thorough_one_does_not(
    item: dict[str, Any], style: dict[str, Any], place: int, extra: bytes
) -> None:
    raw = text(item, **style)
    raw = raw[:place] + extra + raw[place:]
    short = read_plain(raw, sender_with())
    if short is not None:
        assert short == thoroughly(raw, sender_with())


@given(
    st.lists(fields, max_size=3), styles, st.integers(0, 60), st.sampled_from([b"", b'"id":"x",', b'"id" :"x",', b"{},", b'":'])
)
def test_nor_does_it_with_a_list(items: list[dict[str, Any]], style: dict[str, Any], place: int, extra: bytes) -> None:
    raw = text(items, **style)
    raw = raw[:place] + extra + raw[place:]
    short = read_plain_list(raw, sender_with())
    if short is not None:
        taken = [thoroughly(bytes(item), sender_with()) for item in split_json(raw)]
        assert short == [None if one is None else one.entries[0] for one in taken]


def test_a_list_of_plain_events_takes_the_short_way_and_one_that_is_not_brings_all_on_the_other() -> None:
    plain = [{**PLAIN, "id": f"e{number}"} for number in range(200)]
    body = text(plain)
    assert len(body) > LARGEST_EVENT
    assert read_plain_list(body, sender_with()) == [read_thoroughly(text(item), sender_with()).entries[0] for item in plain]
    other: Any
    long = b'{"id":"x","name":"a.b","account_id":"acme","properties":{"x":0.%b}}' % (b"9" * 5000)
    assert read_plain_list(body[:-1] + b"," + long + b"]", sender_with()) is None
    assert read_plain(long, sender_with()) is None
    for other in ({**PLAIN, "traits": {}}, {**PLAIN, "properties": {"x": "x" * LARGEST_EVENT}}, {}, 1):
        assert read_plain_list(text([*plain, other]), sender_with()) is None
    assert read_plain_list(b"[]", sender_with()) == []
    assert read_plain_list(text(PLAIN), sender_with()) is None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)))
def test_what_an_event_says_is_logged_as_it_was_said(properties: dict[str, Any]) -> None:
    raw = msgspec.json.encode({**PLAIN, "properties": properties})
    if "\0" in "".join([*properties, *(value for value in properties.values() if isinstance(value, str))]):
        assert read_plain(raw, sender_with()) is None
        return
    (logged,) = read_item(raw, sender_with()).entries
    assert msgspec.json.decode(logged.value).get("properties", {}) == json.loads(raw)["properties"]
