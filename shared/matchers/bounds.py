"""`above`, `below`, `at_least`, `at_most`, `between`: bounds of numbers and of instants."""

import re
from collections.abc import Callable
from math import isfinite
from operator import ge, gt, le, lt
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shared.instants import Instant
from shared.matchers.contract import Argument, Test
from shared.matchers.moments import moment_of
from shared.matchers.paths import Context, check_path, reach
from shared.matchers.refusal import Refused, show

Number = int | float

TOLERANCE = 1e-9

_UTC = ZoneInfo("UTC")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?% of (\S.*)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


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


def has_moment(argument: Argument) -> bool:
    """Whether one of an argument's bounds is an instant."""
    bounds = argument if type(argument) is tuple else (argument,)
    return any(isinstance(bound, Moment) for bound in bounds)


def read_bound(value: object, roots: tuple[str, ...]) -> Bound:
    """A number, a percentage, a share of another field, or a date.

    Raises:
        Refused: none of these.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    if isinstance(value, str):
        share, percent = _SHARE.fullmatch(value), _PERCENT.fullmatch(value)
        if share is not None:
            return Share(float(share[1]), check_path(share[2], roots))
        if percent is not None:
            # Through the decimal point, not by division: 7% is the float nearest to 0.07.
            return float(f"{percent[1]}e-2")
        if moment_of(value, _UTC) is not None:
            return Moment(value)
    raise Refused(f"a number, a date, 40% or 40% of account.seats is needed, not {show(value)}", found=value)


def _finite(value: Number) -> Number:
    if not isfinite(value):
        raise Refused(f"a finite number is needed, not {value}", found=value)
    return value


def read_between(value: object, roots: tuple[str, ...]) -> tuple[Bound, Bound]:
    """Two bounds, the lower one first.

    Raises:
        Refused: not two bounds, of different kinds, or the higher one first.
    """
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("between takes a list of two bounds, such as [10, 20]", found=value)
    low, high = (read_bound(bound, roots) for bound in value)
    if isinstance(low, Moment) != isinstance(high, Moment):
        raise Refused("between takes two numbers or two dates, not one of each", found=value)
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise Refused(f"between takes the lower bound first, not [{show(low)}, {show(high)}]", found=value)
    return low, high


def _exact(bound: Number) -> Number:
    return bound


def _lowered(bound: Number) -> Number:
    return bound - TOLERANCE * abs(bound)


def _raised(bound: Number) -> Number:
    return bound + TOLERANCE * abs(bound)


def _comparison(compare: Callable[[Any, Any], bool], slack: Callable[[Number], Number]) -> Callable[[Bound, ZoneInfo], Test]:
    """A word that compares with one bound: numbers with `slack` of it, instants exactly."""

    def make(bound: Bound, zone: ZoneInfo) -> Test:
        if isinstance(bound, Moment):
            return _against_moment(moment_of(bound.text, zone), zone, compare)
        if isinstance(bound, Share):
            return _against_share(bound, compare, slack)
        limit = slack(bound)

        def verdict(found: Any, _context: Context, _t: Instant) -> bool | None:
            return compare(found, limit) if type(found) is int or type(found) is float else None

        return verdict

    return make


def _against_moment(limit: Instant | None, zone: ZoneInfo, compare: Callable[[Any, Any], bool]) -> Test:
    def verdict(found: Any, _context: Context, _t: Instant) -> bool | None:
        at = moment_of(found, zone)
        return None if at is None or limit is None else compare(at, limit)

    return verdict


def _against_share(share: Share, compare: Callable[[Any, Any], bool], slack: Callable[[Number], Number]) -> Test:
    whole_at, percent = reach(share.path), share.percent

    def verdict(found: Any, context: Context, _t: Instant) -> bool | None:
        whole = whole_at(context)
        if type(found) not in (int, float) or type(whole) not in (int, float):
            return None
        try:
            return compare(found, slack(whole * percent / 100))
        except OverflowError:
            return None  # a number of hundreds of digits

    return verdict


above = _comparison(gt, _exact)
below = _comparison(lt, _exact)
at_least = _comparison(ge, _lowered)
at_most = _comparison(le, _raised)


def between(bounds: tuple[Bound, Bound], zone: ZoneInfo) -> Test:
    """Whether it lies between the bounds, both included."""
    low, high = at_least(bounds[0], zone), at_most(bounds[1], zone)

    def verdict(found: Any, context: Context, t: Instant) -> bool | None:
        above, below = low(found, context, t), high(found, context, t)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    return verdict
