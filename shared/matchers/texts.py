"""`contains`, `starts_with`, `ends_with`, `matches`."""

import re
from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import Instant
from shared.matchers.contract import Test
from shared.matchers.equality import kind_of
from shared.matchers.paths import Context
from shared.matchers.patterns import MAX_TEXT, compile_pattern
from shared.matchers.refusal import Refused, show


def read_contains(value: object, _roots: tuple[str, ...]) -> list[Any]:
    """A text, or a list of texts; numbers are found in lists.

    Raises:
        Refused: neither, or empty.
    """
    needles = value if isinstance(value, list) else [value]
    for needle in needles:
        if isinstance(needle, bool) or not isinstance(needle, str | int | float) or needle == "":
            raise Refused(f"a text or a list of texts is needed, not {show(needle) or 'an empty text'}", found=value)
    if not needles:
        raise Refused("a text or a list of texts is needed, not an empty list", found=value)
    return needles


def contains(needles: list[Any], _zone: ZoneInfo) -> Test:
    """Whether one of them is in the text, or an element of the list. Upper and lower case are the same."""
    folded = tuple(str(needle).casefold() for needle in needles)
    members = frozenset(needle.casefold() if isinstance(needle, str) else needle for needle in needles)

    def verdict(found: Any, _context: Context, _t: Instant) -> bool | None:
        if type(found) is str:
            text = found.casefold()
            return any(needle in text for needle in folded)
        if isinstance(found, list):
            return any(_folded(one) in members for one in found if kind_of(one) in ("text", "number"))
        return None

    return verdict


def _folded(one: Any) -> Any:
    return one.casefold() if isinstance(one, str) else one


def read_text(value: object, _roots: tuple[str, ...]) -> str:
    """A text that is not empty.

    Raises:
        Refused: not a text, or empty.
    """
    if not isinstance(value, str) or not value:
        raise Refused(f"a text is needed, not {show(value) or 'an empty text'}", found=value)
    return value


def starts_with(prefix: str, _zone: ZoneInfo) -> Test:
    """Whether the text begins with it."""
    return lambda found, _context, _t: found.startswith(prefix) if type(found) is str else None


def ends_with(suffix: str, _zone: ZoneInfo) -> Test:
    """Whether the text ends with it."""
    return lambda found, _context, _t: found.endswith(suffix) if type(found) is str else None


def read_pattern(value: object, _roots: tuple[str, ...]) -> re.Pattern[str]:
    """A regular expression whose time has a bound.

    Raises:
        Refused: not such an expression.
    """
    return compile_pattern(value)


def matches(pattern: re.Pattern[str], _zone: ZoneInfo) -> Test:
    """Whether the expression is found in the beginning of the text."""
    search = pattern.search
    return lambda found, _context, _t: search(found[:MAX_TEXT]) is not None if type(found) is str else None
