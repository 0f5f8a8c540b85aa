"""A scan over JSON text, piece by piece, without recursion: for what a decoder cannot say.

A decoder says that something is wrong, at a byte; some things (a key named twice) it does not even see. The scan names the
first trap with its place as a JSON pointer, and finds where the items of a list begin and end when one of them is not JSON.
It is slow beside a decoder, so it only looks at what a decoder refused or what seems odd.
"""

import re
from collections.abc import Iterator
from math import isinf
from typing import NamedTuple

import msgspec

from services.ingest.errors import Refused

DEEPEST = 32
# A double has 17 digits that count; what is written with thousands is an attack on whoever reads it next.
MOST_DIGITS = 4_000
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1

# A string that does not end is taken to the end of the text, so that the scan stays linear.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}:,]|[^\[\]{}:," \t\r\n]+', re.DOTALL)
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
_NOT_NUMBERS = {"NaN", "Infinity", "-Infinity", "+Infinity"}


class _Level:
    """An object or list that the scan is in: where it is, which keys it had, and what comes next."""

    __slots__ = ("index", "key", "keys", "pointer")

    def __init__(self, pointer: str, *, is_object: bool) -> None:
        self.pointer = pointer
        self.keys: set[str] | None = set() if is_object else None
        self.key: str | None = None
        self.index = 0

    def here(self) -> str:
        """The pointer of the value that comes next."""
        step = self.key if self.keys is not None else str(self.index)
        return self.pointer if step is None else f"{self.pointer}/{escaped(step)}"

    def next(self) -> None:
        self.key = None
        self.index += 1


def escaped(step: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def find_trap(raw: bytes, most_keys: int) -> Refused | None:
    """The first thing in a JSON text that must not come in, or None. A text that is no JSON at all may have none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return Refused("not_utf8", "", f"byte {error.start} is not UTF-8")
    if text.startswith("\ufeff"):
        return Refused("malformed", "", "begins with a byte order mark: send UTF-8 without one")
    levels: list[_Level] = []
    keys = 0
    for piece in _PIECE.findall(text):
        if piece in ("{", "["):
            pointer = levels[-1].here() if levels else ""
            if len(levels) == DEEPEST:
                return Refused("too_deep", pointer, f"objects and lists are nested deeper than {DEEPEST}")
            levels.append(_Level(pointer, is_object=piece == "{"))
        elif piece in ("}", "]"):
            levels = levels[:-1]
        elif piece == ",":
            if levels:
                levels[-1].next()
        elif piece == ":":
            keys += 1
            if keys > most_keys and levels:
                return Refused("too_many_properties", levels[-1].here(), f"there are more than {most_keys:,} keys in all")
        else:
            trap = _string_trap(piece, levels) if piece[0] == '"' else _number_trap(piece, levels)
            if trap is not None:
                return trap
    return None


def _string_trap(piece: str, levels: list[_Level]) -> Refused | None:
    level = levels[-1] if levels else None
    is_key = level is not None and level.keys is not None and level.key is None
    pointer = "" if level is None else level.pointer if is_key else level.here()
    text = _text_of(piece)
    if text is None:
        return Refused("bad_text", pointer, "an escape that stands for no character, such as half a surrogate pair")
    if "\0" in text:
        return Refused("bad_text", pointer, "U+0000, which databases cannot keep in text")
    if is_key and level is not None and level.keys is not None:
        level.key = text
        if text in level.keys:
            return Refused("duplicate_key", level.here(), f"{text!r} is named twice")
        level.keys.add(text)
    return None


def _text_of(piece: str) -> str | None:
    if "\\" not in piece:
        return piece[1:-1]
    try:
        return msgspec.json.decode(piece, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _number_trap(piece: str, levels: list[_Level]) -> Refused | None:
    pointer = levels[-1].here() if levels else ""
    if piece in _NOT_NUMBERS:
        return Refused("not_a_number", pointer, f"{piece} is not JSON: leave the field out, or send null")
    if not _NUMBER.fullmatch(piece):
        return None  # true, false, null, or what the decoder will complain of
    if len(piece) > MOST_DIGITS:
        return Refused("number_out_of_range", pointer, f"a number of {len(piece):,} characters: send it as text")
    try:
        if piece.lstrip("-").isdecimal():
            # More than 20 characters are beyond 64 bits without a look at them: reading 5,000 digits takes a while.
            out = len(piece) > 20 or not SMALLEST_INTEGER <= int(piece) <= LARGEST_INTEGER
        else:
            out = isinf(float(piece))
    except ValueError:
        return None
    if out:
        return Refused("number_out_of_range", pointer, f"{piece[:24]} is beyond 64 bits: send it as text")
    return None


class Spans(NamedTuple):
    """Where a list stands in a text, and where each of its items does: begin and end, counted in characters."""

    begin: int
    end: int
    items: list[tuple[int, int]]


def list_spans(text: str, member: str | None = None) -> Spans | None:
    """Find the list that the text is, or that is a member of the object it is; None when there is none, or it does not end.

    The items need not be JSON, only their brackets must be in pairs.
    """
    depth, name, before, outside = 0, "", "", 0 if member is None else 1
    pieces = _PIECE.finditer(text)
    for match in pieces:
        piece = match[0]
        if piece == "[" and depth == outside and (member is None or (before == ":" and _text_of(name) == member)):
            return _items(text, match.start(), pieces)
        if depth == 0 and piece != "{":
            return None
        depth += (piece in ("[", "{")) - (piece in ("]", "}"))
        name, before = (before, piece) if piece == ":" else ("", piece)
    return None


def _items(text: str, begin: int, pieces: Iterator[re.Match[str]]) -> Spans | None:
    items, item, depth = [], begin + 1, 1
    for match in pieces:
        piece = match[0]
        depth += (piece in ("[", "{")) - (piece in ("]", "}"))
        if depth == 0 or (depth == 1 and piece == ","):
            if piece == "," or text[item : match.start()].strip(" \t\r\n"):
                items.append((item, match.start()))
            item = match.end()
        if depth == 0:
            return Spans(begin, match.end(), items)
    return None
