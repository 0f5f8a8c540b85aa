"""Regular expressions that always end soon: `matches` takes only those whose time cannot explode.

Python's engine tries one way after another. How many ways there are at most is counted from the expression: an optional
part doubles them, a choice multiplies them by its branches, a repeat by the lengths that it may take. A repeat may hold one
character (a class, `.`) or a fixed text, never a repeat or a choice, since then there is no bound at all.
"""

import re
from re import _constants as op  # type: ignore[attr-defined]  # the parsed form has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from shared.matchers.refusal import Refused

MAX_PATTERN = 200
# Only the first characters of a longer text are looked at.
MAX_TEXT = 500
# Two repeats without a bound, and a choice of eight: a tenth of a second for the worst text there is.
_MAX_WAYS = 8 * MAX_TEXT * MAX_TEXT
_ONE_CHARACTER = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def compile_pattern(text: object) -> re.Pattern[str]:
    """The compiled pattern.

    Raises:
        Refused: not a regular expression, too long, or of a kind whose time has no bound.
    """
    if not isinstance(text, str):
        raise _refused("a regular expression is text", text)
    if len(text) > MAX_PATTERN:
        raise _refused(f"a regular expression has at most {MAX_PATTERN} characters, not {len(text)}", text)
    try:
        ways = _ways_of_all(parser.parse(text), text)
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise _refused(f"not a regular expression: {error}", text) from error
    if ways > _MAX_WAYS:
        raise _refused("too many repeats and choices in one expression: at most two of * and + without a bound", text)
    return compiled


def _ways_of_all(parsed: Any, text: str) -> int:
    ways = 1
    for code, argument in parsed:
        ways *= _ways(code, argument, text)
    return ways


def _ways(code: Any, argument: Any, text: str) -> int:
    if code in _ONE_CHARACTER or code is op.AT:
        return 1
    if code is op.SUBPATTERN:
        return _ways_of_all(argument[-1], text)
    if code is op.BRANCH:
        return sum(_ways_of_all(branch, text) for branch in argument[1])
    if code not in _REPEATS:
        raise _refused("looking around or back is not allowed in matches", text)
    least, most, body = argument
    within = _ways_of_all(body, text)
    if most == 1:
        return within + 1
    if within > 1:
        raise _refused("a repeat or a choice inside a repeat is not allowed in matches: its time has no bound", text)
    return int(min(most, MAX_TEXT) - min(least, MAX_TEXT)) + 1


def _refused(message: str, found: object) -> Refused:
    return Refused(message, found=found, code="pattern")
