"""The words of a matcher: what each takes, and what it says of a value.

A test is called with the value that was found (None where there is none), the context and the instant of evaluation; it says
true, false, or None where it cannot say: nothing there, or of another type than the word compares with.
"""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shared.instants import DAY, Instant, Microseconds, parse_duration, show_duration
from shared.matchers.moments import moment_of
from shared.matchers.paths import Context, check_path, reach
from shared.matchers.patterns import MAX_TEXT, compile_pattern
from shared.matchers.refusal import Refused, show

Argument = Any
Number = int | float
Test = Callable[[Any, Context, Instant], bool | None]
# The first instant, at or after the one given, whose passing may change the verdict on the value.
Deadline = Callable[[Any, Instant], Instant | None]

TOLERANCE = 1e-9
# A hundred years.
MAX_DURATION = 36_500 * DAY

_UTC = ZoneInfo("UTC")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?% of (\S.*)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


class Word(NamedTuple):
    """What one word means (for editors), how it is read, how it tests, and when its verdict may change by itself."""

    meaning: str
    read: Callable[[object, tuple[str, ...]], Argument]
    test: Callable[[Argument, ZoneInfo], Test]
    deadline: Callable[[Argument, ZoneInfo], Deadline] | None = None


class Share(NamedTuple):
    """A bound that is a percentage of another field."""

    percent: float
    path: str


class Moment(NamedTuple):
    """A bound that is an instant, as written."""

    text: str


Bound = int | float | Share | Moment


def shares_of(argument: Argument) -> tuple[str, ...]:
    """The fields that an argument's bounds are shares of."""
    bounds = argument if type(argument) is tuple else (argument,)
    return tuple(bound.path for bound in bounds if isinstance(bound, Share))


def is_scalar(value: object) -> bool:
    """Whether it is a text, a number, or true or false."""
    return isinstance(value, str | int | float)


def kind_of(value: object) -> str | None:
    """The kind within which values are compared: text, number, truth; None for anything else."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


# ------------------------------------------------------------------ equals, one_of, none_of


def _read_scalar(value: object, _roots: tuple[str, ...]) -> Argument:
    if not is_scalar(value):
        hint = "; to ask whether the field is there write exists: true or exists: false" if value is None else ""
        raise Refused(f"a text, a number, true or false is needed, not {show(value)}{hint}", found=value)
    return value


def _read_scalars(value: object, roots: tuple[str, ...]) -> Argument:
    if not isinstance(value, list) or not value:
        raise Refused(f"a list of values is needed, not {'an empty list' if value == [] else show(value)}", found=value)
    for index, one in enumerate(value):
        try:
            _read_scalar(one, roots)
        except Refused as refused:
            refused.place = (index,)
            raise
    return value


def _equals(value: Any, _zone: ZoneInfo) -> Test:
    return _among([value])


def _one_of(values: list[Any], _zone: ZoneInfo) -> Test:
    return _among(values)


def _none_of(values: list[Any], _zone: ZoneInfo) -> Test:
    among = _among(values)

    def none_of(found: Any, context: Context, t: Instant) -> bool | None:
        verdict = among(found, context, t)
        return None if verdict is None else not verdict

    return none_of


def _among(values: list[Any]) -> Test:
    if all(type(value) is str for value in values):
        texts = frozenset(values)

        def among_texts(found: Any, _context: Context, _t: Instant) -> bool | None:
            return found in texts if type(found) is str else None

        return among_texts
    by_kind: dict[str | None, set[Any]] = {}
    for value in values:
        by_kind.setdefault(kind_of(value), set()).add(value)

    def among(found: Any, _context: Context, _t: Instant) -> bool | None:
        options = by_kind.get(kind_of(found))
        return None if options is None else found in options

    return among


# ------------------------------------------------------------------ above, below, at_least, at_most, between


def _read_bound(value: object, roots: tuple[str, ...]) -> Bound:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    if isinstance(value, str):
        share, percent = _SHARE.fullmatch(value), _PERCENT.fullmatch(value)
        if share is not None:
            return Share(float(share[1]), check_path(share[2], roots))
        if percent is not None:
            return float(percent[1]) / 100
        if moment_of(value, _UTC) is not None:
            return Moment(value)
    raise Refused(f"a number, a date, 40% or 40% of account.seats is needed, not {show(value)}", found=value)


def _finite(value: Number) -> Number:
    if not isfinite(value):
        raise Refused(f"a finite number is needed, not {value}", found=value)
    return value


def _read_between(value: object, roots: tuple[str, ...]) -> tuple[Bound, Bound]:
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("between takes a list of two bounds, such as [10, 20]", found=value)
    low, high = (_read_bound(bound, roots) for bound in value)
    if isinstance(low, Moment) != isinstance(high, Moment):
        raise Refused("between takes two numbers or two dates, not one of each", found=value)
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise Refused(f"between takes the lower bound first, not [{show(low)}, {show(high)}]", found=value)
    return low, high


def _at_least_number(found: Number, bound: Number) -> bool:
    return found >= bound - TOLERANCE * abs(bound)


def _at_most_number(found: Number, bound: Number) -> bool:
    return found <= bound + TOLERANCE * abs(bound)


def _comparison(
    numbers: Callable[[Number, Number], bool], instants: Callable[[int, int], bool]
) -> Callable[[Bound, ZoneInfo], Test]:
    """A word that compares with one bound: exactly between instants, as `numbers` says between numbers."""

    def make(bound: Bound, zone: ZoneInfo) -> Test:
        if isinstance(bound, Moment):
            limit = moment_of(bound.text, zone)

            def compare_instants(found: Any, _context: Context, _t: Instant) -> bool | None:
                at = moment_of(found, zone)
                return None if at is None or limit is None else instants(at, limit)

            return compare_instants
        if isinstance(bound, Share):
            return _against_share(bound, numbers)

        def compare_numbers(found: Any, _context: Context, _t: Instant) -> bool | None:
            return numbers(found, bound) if type(found) is int or type(found) is float else None

        return compare_numbers

    return make


def _against_share(share: Share, numbers: Callable[[Number, Number], bool]) -> Test:
    whole_at, percent = reach(share.path), share.percent

    def compare_share(found: Any, context: Context, _t: Instant) -> bool | None:
        whole = whole_at(context)
        if type(found) not in (int, float) or type(whole) not in (int, float):
            return None
        return numbers(found, whole * percent / 100)

    return compare_share


_above = _comparison(lambda found, bound: found > bound, lambda found, bound: found > bound)
_below = _comparison(lambda found, bound: found < bound, lambda found, bound: found < bound)
_at_least = _comparison(_at_least_number, lambda found, bound: found >= bound)
_at_most = _comparison(_at_most_number, lambda found, bound: found <= bound)


def _between(bounds: tuple[Bound, Bound], zone: ZoneInfo) -> Test:
    low, high = _at_least(bounds[0], zone), _at_most(bounds[1], zone)

    def between(found: Any, context: Context, t: Instant) -> bool | None:
        above, below = low(found, context, t), high(found, context, t)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    return between


# ------------------------------------------------------------------ contains, starts_with, ends_with, matches


def _read_contains(value: object, _roots: tuple[str, ...]) -> list[Any]:
    needles = value if isinstance(value, list) else [value]
    for needle in needles:
        if isinstance(needle, bool) or not isinstance(needle, str | int | float) or needle == "":
            raise Refused(f"a text or a list of texts is needed, not {show(needle) or 'an empty text'}", found=value)
    if not needles:
        raise Refused("a text or a list of texts is needed, not an empty list", found=value)
    return needles


def _contains(needles: list[Any], _zone: ZoneInfo) -> Test:
    folded = tuple(str(needle).casefold() for needle in needles)
    members = frozenset(needle.casefold() if isinstance(needle, str) else needle for needle in needles)

    def contains(found: Any, _context: Context, _t: Instant) -> bool | None:
        if type(found) is str:
            text = found.casefold()
            return any(needle in text for needle in folded)
        if isinstance(found, list):
            return any(_folded(one) in members for one in found if kind_of(one) in ("text", "number"))
        return None

    return contains


def _folded(one: Any) -> Any:
    return one.casefold() if isinstance(one, str) else one


def _read_text(value: object, _roots: tuple[str, ...]) -> str:
    if not isinstance(value, str) or not value:
        raise Refused(f"a text is needed, not {show(value) or 'an empty text'}", found=value)
    return value


def _starts_with(prefix: str, _zone: ZoneInfo) -> Test:
    return lambda found, _context, _t: found.startswith(prefix) if type(found) is str else None


def _ends_with(suffix: str, _zone: ZoneInfo) -> Test:
    return lambda found, _context, _t: found.endswith(suffix) if type(found) is str else None


def _read_pattern(value: object, _roots: tuple[str, ...]) -> re.Pattern[str]:
    return compile_pattern(value)


def _matches(pattern: re.Pattern[str], _zone: ZoneInfo) -> Test:
    search = pattern.search
    return lambda found, _context, _t: search(found[:MAX_TEXT]) is not None if type(found) is str else None


# ------------------------------------------------------------------ exists, older_than, within


def _read_truth(value: object, _roots: tuple[str, ...]) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"true or false is needed, not {show(value)}", found=value, allowed=("true", "false"))
    return value


def _exists(wanted: bool, _zone: ZoneInfo) -> Test:
    return lambda found, _context, _t: (found is not None) is wanted


def _read_duration(value: object, _roots: tuple[str, ...]) -> Microseconds:
    try:
        duration = parse_duration(value if isinstance(value, str) else show(value))
    except ValueError as error:
        raise Refused(str(error), found=value, code="duration") from error
    if duration > MAX_DURATION:
        raise Refused(f"{value} is more than {show_duration(MAX_DURATION)}", found=value, code="duration")
    return duration


def _older_than(age: Microseconds, zone: ZoneInfo) -> Test:
    def older_than(found: Any, _context: Context, t: Instant) -> bool | None:
        at = moment_of(found, zone)
        return None if at is None else t - at > age

    return older_than


def _within(age: Microseconds, zone: ZoneInfo) -> Test:
    def within(found: Any, _context: Context, t: Instant) -> bool | None:
        at = moment_of(found, zone)
        return None if at is None else 0 <= t - at <= age

    return within


def _when_older(age: Microseconds, zone: ZoneInfo) -> Deadline:
    def when_older(found: Any, t: Instant) -> Instant | None:
        at = moment_of(found, zone)
        return None if at is None or at + age < t else at + age

    return when_older


def _when_within(age: Microseconds, zone: ZoneInfo) -> Deadline:
    def when_within(found: Any, t: Instant) -> Instant | None:
        at = moment_of(found, zone)
        if at is None or at + age < t:
            return None
        return at if at > t else at + age

    return when_within


WORDS: dict[str, Word] = {
    "equals": Word("is this value, of the same type", _read_scalar, _equals),
    "one_of": Word("is one of these values", _read_scalars, _one_of),
    "none_of": Word("is none of these values", _read_scalars, _none_of),
    "above": Word("is more than this: a number, a date, 40%, or 40% of account.seats", _read_bound, _above),
    "below": Word("is less than this", _read_bound, _below),
    "at_least": Word("is this or more (within 1e-9 of the bound)", _read_bound, _at_least),
    "at_most": Word("is this or less (within 1e-9 of the bound)", _read_bound, _at_most),
    "between": Word("is within [low, high], both included", _read_between, _between),
    "contains": Word(
        "a text has one of these in it, or a list has one of them as an element; ignores case", _read_contains, _contains
    ),
    "starts_with": Word("the text begins with this", _read_text, _starts_with),
    "ends_with": Word("the text ends with this", _read_text, _ends_with),
    "matches": Word("the regular expression is found in the text", _read_pattern, _matches),
    "exists": Word("true: the field is there; false: it is not", _read_truth, _exists),
    "older_than": Word("the instant lies more than this duration back", _read_duration, _older_than, _when_older),
    "within": Word("the instant lies at most this duration back", _read_duration, _within, _when_within),
}
