"""What can be wrong, and who is told.

    Refused    one item: it stays out, the rest of its request does not       -> an entry of `refused`
    Problem    the whole request: nothing of it was stored                    -> problem+json (RFC 9457)

The codes are part of the API: programs may rely on them.
"""

from collections.abc import Mapping

import msgspec

# What may stand in `code` of an entry of `refused`.
ITEM_CODES = {
    "malformed": "not JSON",
    "not_utf8": "not UTF-8",
    "not_an_object": "JSON, but not an object",
    "duplicate_key": "an object names the same key twice",
    "not_a_number": "NaN or Infinity, which JSON does not have",
    "number_out_of_range": "a number too large for a double, or an integer beyond 64 bits",
    "bad_text": "text with U+0000 or half a surrogate pair",
    "too_deep": "objects and lists nested deeper than 32",
    "too_many_properties": "more than 1,000 keys in all its objects together",
    "too_large": "more than 32 kB",
    "unknown_field": "a field that does not exist",
    "missing_field": "a field that must be there",
    "wrong_type": "a value of another type than the field has",
    "bad_value": "a value that the field cannot have",
    "not_allowed": "the key may not send this",
}


class Refused(Exception):
    """One item cannot be taken. `pointer` is a JSON pointer (RFC 6901) into the item; empty is the item itself.

    `id` is the item's own, where it could be read.
    """

    id: str | None = None

    def __init__(self, code: str, pointer: str, detail: str) -> None:
        super().__init__(f"{code} at {pointer!r}: {detail}")
        self.code = code
        self.pointer = pointer
        self.detail = detail


class Problem(Exception):
    """The whole request cannot be taken: an HTTP status, a stable code, and a sentence for people."""

    def __init__(
        self, status: int, code: str, detail: str, *, pointer: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of `refused` in an answer: which item of the request, counted from 0, and what is wrong with it, where."""

    index: int
    id: str | None = None
    code: str
    pointer: str
    detail: str


class NewId(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `ids` in an answer: the id that an item without one was given."""

    index: int
    id: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the items of one request: how many are stored, which are not, and the ids that were given."""

    accepted: int
    refused: list[Refusal]
    ids: list[NewId] = []
