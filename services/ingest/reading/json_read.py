"""Bytes become an object, or are refused with a code and a place. What comes out of here is safe to log, keep and send on.

Beyond what JSON's grammar allows or not: no key twice, no number beyond 64 bits, no U+0000, nothing nested deeper than 32,
and not more keys than anybody means.
"""

import re
from typing import Any

import msgspec

from services.ingest.errors import Refused
from services.ingest.reading.json_scan import DEEPEST, LARGEST_INTEGER, MOST_DIGITS, SMALLEST_INTEGER, find_trap
from shared.records import JsonObject

# More keys than anybody means, in all objects of a value together.
MOST_KEYS = 10_000

# To look for one byte takes next to nothing, when it is given as a number.
_TAB, _NEWLINE, _RETURN = b"\t\n\r"
_KEY = re.compile(rb'"[ \t\r\n]*:')
# Less than any number of keys that a request could have.
_NEVER = -(2**32)
# One side of the point has half of the digits at least; of so many in a row, every hundredth byte is one.
_STEP = 100
_ROW = b"0" * (MOST_DIGITS // 2 // _STEP - 1)
_AS_DIGIT = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MOST_DIGITS // 2))
_decode = msgspec.json.Decoder().decode


def read_object(raw: bytes, most_keys: int = MOST_KEYS) -> JsonObject:
    """Read one JSON object.

    Raises Refused: it is none, or there is something in it that must not come in.
    """
    value = read_value(raw, most_keys)
    if type(value) is not dict:
        raise Refused("not_an_object", "", f"this is {kind_of(value)}; an object is needed")
    return value


def read_value(raw: bytes, most_keys: int = MOST_KEYS) -> Any:
    """Read any JSON value. Raises Refused: it is none, or there is something in it that must not come in."""
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise find_trap(raw, most_keys) or Refused("malformed", "", str(error)) from error
    # A text with as many `":` as the decoded value has keys names none twice. More may also be a text inside a string.
    keys = _count_keys(value, 1)
    odd = keys != keys_written(raw) or keys > most_keys or b"\\u0000" in raw or long_number(raw)
    if odd and (trap := find_trap(raw, most_keys)) is not None:
        raise trap
    return value


def long_number(raw: bytes) -> bool:
    """Whether there may be a number with more digits than anybody needs; decoders round it, and say nothing."""
    if len(raw) <= MOST_DIGITS or _ROW not in raw[::_STEP].translate(_AS_DIGIT):
        return False
    return _LONG_NUMBER.search(raw) is not None


def keys_written(raw: bytes) -> int:
    """How many keys the text has at most: texts before a colon."""
    # A count of two bytes is a fifth of the work. Without the spaces there may be more of them, within texts, and never fewer.
    if _NEWLINE in raw or _TAB in raw or _RETURN in raw:
        return len(_KEY.findall(raw))
    return raw.replace(b" ", b"").count(b'":')


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
