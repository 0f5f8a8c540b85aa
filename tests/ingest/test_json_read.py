import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.json_scan import list_spans


def refusal(raw: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        read_object(raw)
    assert caught.value.detail
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        (b'{"a": NaN}', "not_a_number", "/a"),
        (b'{"a": [1, Infinity]}', "not_a_number", "/a/1"),
        (b'{"a": {"b": -Infinity}}', "not_a_number", "/a/b"),
        (b'{"p": {"q": 1e999}}', "number_out_of_range", "/p/q"),
        (b'{"a": -1e999}', "number_out_of_range", "/a"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number_out_of_range", "/a"),
        (b'{"a": 9223372036854775808}', "number_out_of_range", "/a"),
        (b'{"a": [{"b": -9223372036854775809}]}', "number_out_of_range", "/a/0/b"),
        (b'{"a": 1, "b": 2, "a": 3}', "duplicate_key", "/a"),
        (b'{"a" : 1, "\\u0061" : 1}', "duplicate_key", "/a"),
        (b'{"p": [{"x/y~z": 1, "x/y~z": 1}]}', "duplicate_key", "/p/0/x~1y~0z"),
        (b'{"a": "say \\":", "a": 1}', "duplicate_key", "/a"),
        (b'{"a": "\\ud800"}', "bad_text", "/a"),
        (b'{"a": "\\udc00\\ud800"}', "bad_text", "/a"),
        (b'{"\\ud800": 1}', "bad_text", ""),
        (b'{"a": ["x\\u0000"]}', "bad_text", "/a/0"),
        (b'{"a": "\xff"}', "not_utf8", ""),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8", ""),
        (b'\xef\xbb\xbf{"a": 1}', "malformed", ""),
        (b"", "malformed", ""),
        (b"{", "malformed", ""),
        (b'{"a": 01}', "malformed", ""),
        (b'{"a": 1,}', "malformed", ""),
        (b'{"a": "\n"}', "malformed", ""),
        (b"{'a': 1}", "malformed", ""),
        (b'{"a": 1} {"a": 2}', "malformed", ""),
        (b'{"a": "no end', "malformed", ""),
        (b"null", "not_an_object", ""),
        (b"17", "not_an_object", ""),
        (b'"text"', "not_an_object", ""),
        (b"[]", "not_an_object", ""),
        (b"NaN", "not_a_number", ""),
    ],
)
def test_a_trap_is_named_with_its_place(raw: bytes, code: str, pointer: str) -> None:
    assert refusal(raw) == (code, pointer)


def test_nesting_goes_so_deep_and_no_deeper() -> None:
    assert read_object(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    assert refusal(b'{"a":' + b"[" * 32 + b"]" * 32 + b"}") == ("too_deep", "/a" + "/0" * 31)
    assert refusal(b'{"a":' * 5000 + b"1" + b"}" * 5000)[0] == "too_deep"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 9223372036854775807, "b": -9223372036854775808}',
        b'{"a": "say \\": \\":", "b": "\\\\u0000", "c": "\\ud83d\\ude00"}',
        b'{"a": {"b": 1}, "b": {"b": {"b": 1}}, "c": [{"b": 1}, {"b": 1}]}',
        b' \r\n\t{"": null, "a": 1e308, "b": 1e-999, "c": -0.0}',
    ],
)
def test_what_only_looks_like_a_trap_is_read(raw: bytes) -> None:
    assert read_object(raw) == json.loads(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.booleans())
def test_every_object_is_read_as_it_is_or_refused_for_what_is_in_it(value: dict[str, object], ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    if "\\u0000" in text.replace("\\\\", ""):
        assert refusal(text.encode())[0] == "bad_text"
    else:
        assert read_object(text.encode()) == value


@given(st.binary(max_size=60) | st.text('{}[]:,"\\au0d8 1e-', max_size=40).map(str.encode))
def test_no_bytes_whatever_do_more_than_be_refused(raw: bytes) -> None:
    try:
        value = read_object(raw)
    except Refused:
        return
    assert value == json.loads(raw)


@pytest.mark.parametrize("evil", [b'["' + b'\\"' * 16_000, b"[" * 32_000, b'{"' * 16_000, b'{"a":"' + b'\\":' * 10_000 + b'",'])
def test_a_scan_stays_linear(evil: bytes) -> None:
    began = time.process_time()
    assert refusal(evil)[0] in ("malformed", "too_deep", "bad_text", "not_an_object")
    list_spans(evil.decode())
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "member", "items"),
    [
        ('[1, {"a": [NaN, "],"]}, 3 ]', None, ["1", '{"a": [NaN, "],"]}', "3"]),
        ("[ ]", None, []),
        ('{"x": ["batch"], "batch": [1, [2]], "y": 3}', "batch", ["1", "[2]"]),
        ('{"y": {"batch": [1]}, "batch": [NaN]}', "batch", ["NaN"]),
        ('{"b\\u0061tch": [NaN]}', "batch", ["NaN"]),
        ("[1", None, None),
        ('{"batch": 1}', "batch", None),
        ('[{"batch": [1]}]', "batch", None),
    ],
)
def test_a_list_is_found_with_its_items(text: str, member: str | None, items: list[str] | None) -> None:
    spans = list_spans(text, member)
    assert (None if spans is None else [text[begin:end].strip() for begin, end in spans.items]) == items


def test_a_number_has_at_most_4000_characters_and_a_text_of_digits_as_many_as_it_likes() -> None:
    most = b'{"x": 0.' + b"1" * 3_998 + b"}"
    assert read_object(most)["x"] == pytest.approx(1 / 9)
    with pytest.raises(Refused) as refused:
        read_object(most.replace(b"0.", b"0.1"))
    assert (refused.value.code, refused.value.pointer) == ("number_out_of_range", "/x")
    assert read_object(b'{"x": "' + b"1" * 9_000 + b'"}')["x"] == "1" * 9_000
