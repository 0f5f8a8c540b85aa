"""Plain events, those that most requests are made of, in a third of the time that others take.

An event is plain when its id, its name and its account are text, its properties hold nothing but text, numbers, true, false and
null, and it says nothing about traits or aliases. What is not plain, or has anything wrong with it, is none of ours: `items`
reads it thoroughly, and says what is wrong. `tests/ingest/test_plain.py` holds that both make the same of what both take.
"""

from typing import Annotated, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from services.ingest.http.body import LARGEST_EVENT, LONGEST_ID, MOST_PROPERTIES
from services.ingest.reading.json_read import keys_written, long_number
from services.ingest.reading.json_scan import LARGEST_INTEGER, SMALLEST_INTEGER
from services.ingest.reading.names import LONGEST, normalise
from services.ingest.sender import Sender, Taken
from shared.instants import parse_instant
from shared.log.contract import Entry
from shared.records import Event, as_json, encode

_Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
_Scalar = Annotated[int, Meta(ge=SMALLEST_INTEGER, le=LARGEST_INTEGER)] | float | str | bool | None


class _Plain(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    id: _Id
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST)]
    account_id: _Id
    user_id: _Id | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    properties: dict[str, _Scalar] | UnsetType = UNSET


(_BACKSLASH,) = b"\\"
_decode = msgspec.json.Decoder(_Plain).decode
_decode_list = msgspec.json.Decoder(list[_Plain]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NO_PROPERTIES = as_json({})
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_plain(raw: bytes, sender: Sender) -> Taken | None:
    """The event, or None when it is not plain, or not for certain. `raw` is no longer than an event may be."""
    if sender.replay or _holds_nul(raw) or long_number(raw):
        return None
    try:
        plain = _decode(raw)
    except _BROKEN:
        return None
    keys = _keys(plain)
    if keys != keys_written(raw) or keys > MOST_PROPERTIES:
        return None
    entry = _entry(plain, _name(plain.name, sender), sender.key.source)
    return None if entry is None else Taken([entry], plain.id)


def read_plain_list(body: bytes, sender: Sender) -> list[Entry] | None:
    """The entries of a list's events, in half the time again; None when one of them is not plain, or not for certain."""
    if sender.replay or _holds_nul(body) or long_number(body):
        return None
    try:
        plains = _decode_list(body)
        if len(body) > LARGEST_EVENT and max(map(len, map(bytes, _split(body))), default=0) > LARGEST_EVENT:
            return None
    except _BROKEN:
        return None
    keys = list(map(_keys, plains))
    # As many as were read, in all of them together: then none of them names one twice.
    if sum(keys) != keys_written(body) or max(keys, default=0) > MOST_PROPERTIES:
        return None
    names: dict[str, str] = {}
    entries = []
    for plain in plains:
        name = names.get(plain.name)
        if name is None:
            name = names[plain.name] = _name(plain.name, sender)
        entry = _entry(plain, name, sender.key.source)
        if entry is None:
            return None
        entries.append(entry)
    return entries


def _name(sent: str, sender: Sender) -> str:
    """In our form; empty when it has none, or the key may not send it."""
    name = normalise(sent)
    return name if sender.key.may_send(name) else ""


def _entry(plain: _Plain, name: str, source: str) -> Entry | None:
    occurred_at = None
    if plain.occurred_at is not UNSET:
        try:
            occurred_at = parse_instant(plain.occurred_at)
        except (ValueError, OverflowError):
            return None
    if not name or (occurred_at is not None and occurred_at < 0):
        return None
    event = Event(
        id=plain.id,
        name=name,
        source=source,
        account_id=plain.account_id,
        user_id=plain.user_id or None,
        occurred_at=occurred_at,
        # The encoder writes an object as it would write its text.
        properties_json=cast(msgspec.Raw, plain.properties) if plain.properties else _NO_PROPERTIES,
        sent_name=None if name == plain.name else plain.name,
    )
    return Entry(plain.account_id, encode(event))


def _keys(plain: _Plain) -> int:
    """How many keys were read. A text inside a string that looks like a key makes the number of those written larger."""
    keys = 3 + (plain.user_id is not UNSET) + (plain.occurred_at is not UNSET)
    return keys if plain.properties is UNSET else keys + 1 + len(plain.properties)


def _holds_nul(raw: bytes) -> bool:
    # To look for one byte takes next to nothing.
    return _BACKSLASH in raw and b"\\u0000" in raw
