"""Bytes become an object, or are refused with a code and a place. What comes out of here is safe to log, keep and send on.

Beyond what JSON's grammar allows or not: no key twice, no number beyond 64 bits, no U+0000, nothing nested deeper than 32.
"""

import re
from typing import Any

import msgspec

from services.ingest.errors import Refused
from services.ingest.json_scan import DEEPEST, LARGEST_INTEGER, SMALLEST_INTEGER, find_trap
from shared.records import JsonObject

_KEY = re.compile(rb'"[ \t\r\n]*:')
# Less than any number of keys that a request could have.
_NEVER = -(2**32)
_decode = msgspec.json.Decoder().decode


def read_object(raw: bytes) -> JsonObject:
    """Read one JSON object.

    Raises Refused: it is none, or there is something in it that must not come in.
    """
    value = read_value(raw)
    if type(value) is not dict:
        raise Refused("not_an_object", "", f"this is {kind_of(value)}; an object is needed")
    return value


def read_value(raw: bytes) -> Any:
    """Read any JSON value. Raises Refused: it is none, or there is something in it that must not come in."""
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise find_trap(raw) or Refused("malformed", "", str(error)) from error
    # A text with as many `":` as the decoded value has keys names none twice. More may also be a text inside a string.
    odd = _count_keys(value, 1) != len(_KEY.findall(raw)) or b"\\u0000" in raw
    if odd and (trap := find_trap(raw)) is not None:
        raise trap
    return value


def _count_keys(value: Any, depth: int) -> int:
    """How many keys all objects in it have together; -1 or less when it is too deep or has an integer that is too large."""
    kind = type(value)
    if kind is dict:
        total, children = len(value), value.values()
    elif kind is list:
        total, children = 0, value
    else:
        return 0 if kind is not int or SMALLEST_INTEGER <= value <= LARGEST_INTEGER else _NEVER
    if depth > DEEPEST:
        return _NEVER
    for child in children:
        kind = type(child)
        if kind is dict or kind is list or kind is int:
            total += _count_keys(child, depth + 1)
    return total


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
