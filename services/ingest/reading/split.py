"""A body becomes the raw texts of its items, each to be read by itself, so that one bad item does not sink its request."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeVar

import msgspec

from services.ingest.errors import Problem, Refused
from services.ingest.http.body import MOST_EVENTS
from services.ingest.reading.json_read import kind_of, read_object
from services.ingest.reading.json_scan import list_spans


class Enveloped(Protocol):
    """The body of a batch: a struct with the items, and what holds for all of them."""

    batch: list[msgspec.Raw]


Text = TypeVar("Text", bytes, msgspec.Raw)
Envelope = TypeVar("Envelope", bound=Enveloped)

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def split_json(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The items of a JSON body; one object is one item.

    Raises Problem: 400 not JSON, or neither an object nor a list; 413 more than 2,500.
    """
    first = body.lstrip(b" \t\r\n")[:1]
    if first == b"{":
        return [body]
    if first != b"[":
        raise _neither(body)
    try:
        return _not_too_many(_decode_list(body))
    except _BROKEN as error:
        return _split_broken(body, error)


def split_lines(body: bytes) -> list[bytes]:
    """The items of an NDJSON body: its lines, the empty ones left out.

    Raises Problem 413: more than 2,500.
    """
    return _not_too_many([line for line in body.split(b"\n") if line.strip()])


def split_batch(body: bytes, shape: type[Envelope]) -> tuple[Sequence[bytes | msgspec.Raw], Envelope]:
    """The items of a batch of this shape, and what stands around them.

    Raises Problem: 400 not JSON, or without the list `batch`; 413 more than 2,500.
    """
    # A second `batch` would hide the first from a decoder.
    if body.count(b'"batch"') < 2:
        try:
            envelope = _decoder(shape).decode(body)
        except _BROKEN:
            pass
        else:
            return _not_too_many(envelope.batch), envelope
    return _split_broken_batch(body, shape)


@cache
def _decoder(shape: type[Envelope]) -> msgspec.json.Decoder[Envelope]:
    return msgspec.json.Decoder(shape)


def _split_broken(body: bytes, error: Exception) -> list[bytes]:
    """Where an item holds what is not quite JSON (NaN, a nesting without end), the others can still be taken.

    Where the list itself is broken, nothing can: it may have been cut anywhere.
    """
    spans = list_spans(body.decode("latin-1"))  # one character a byte: what stands between brackets may be no UTF-8
    if spans is None or body[spans.end :].strip():
        raise _malformed(error)
    items = _not_too_many([body[begin:end] for begin, end in spans.items])
    if all(_trap_in(item) is None for item in items):
        raise _malformed(error)
    return items


def _split_broken_batch(body: bytes, shape: type[Envelope]) -> tuple[Sequence[bytes], Envelope]:
    spans = list_spans(body.decode("latin-1"), "batch")
    if spans is None:
        raise _no_batch(body)
    try:
        envelope = msgspec.convert(read_object(body[: spans.begin] + b"[]" + body[spans.end :]), shape)
    except Refused as refused:
        raise _around(refused.code, refused.detail, refused.pointer) from refused
    except msgspec.ValidationError as error:
        raise _around("wrong_type", str(error), None) from error
    items = _not_too_many([body[begin:end] for begin, end in spans.items])
    for item in items:
        _trap_in(item)
    return items, envelope


def _trap_in(item: bytes) -> Refused | None:
    """What is wrong with an item. Raises Problem when it is not even nearly JSON: then where items end is a guess."""
    try:
        read_object(item)
    except Refused as refused:
        if refused.code == "malformed":
            raise _malformed(refused) from refused
        return refused
    return None


def _no_batch(body: bytes) -> Problem:
    try:
        value = read_object(body)
    except Refused as refused:
        return Problem(400, refused.code, refused.detail, pointer=refused.pointer)
    if "batch" not in value:
        return Problem(400, "missing_field", "there is no list `batch` in the body", pointer="/batch")
    return Problem(400, "wrong_type", f"`batch` is {kind_of(value['batch'])}; it must be a list", pointer="/batch")


def _around(code: str, detail: str, pointer: str | None) -> Problem:
    return Problem(400, code, f"around the batch: {detail}", pointer=pointer)


def _neither(body: bytes) -> Problem:
    try:
        read_object(body)
    except Refused as refused:
        return Problem(400, refused.code, f"the body: {refused.detail}", pointer=refused.pointer)
    raise AssertionError("an object begins with a brace")


def _malformed(error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(400, "too_deep", "objects and lists are nested deeper than 32", pointer="")
    detail = error.detail if isinstance(error, Refused) else str(error)
    return Problem(400, "malformed", f"the body is not JSON: {detail}", pointer="")


def _not_too_many(items: list[Text]) -> list[Text]:
    if len(items) > MOST_EVENTS:
        raise Problem(413, "too_many", f"these are {len(items):,} events; a request has at most {MOST_EVENTS:,}")
    return items
