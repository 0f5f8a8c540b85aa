"""Matchers by the definition, with unknown as None."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from shared.instants import Instant, parse_duration
from tests.oracle.days import read_moment

DATE = re.compile(r"[0-9]{4}-")
Truth = bool | None
Look = Callable[[str], Any]  # the value under a path, None where there is none


def both(truths: Iterable[Truth]) -> Truth:
    """Kleene's and: false if one is false, else unknown if one is unknown."""
    seen = list(truths)
    return False if False in seen else None if None in seen else True


def either(truths: Iterable[Truth]) -> Truth:
    """Kleene's or: true if one is true, else unknown if one is unknown."""
    seen = list(truths)
    return True if True in seen else None if None in seen else False


def opposite(truth: Truth) -> Truth:
    """Kleene's not."""
    return None if truth is None else not truth


def is_number(value: Any) -> bool:
    """A JSON number; true and false are not numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_of(bound: Any, look: Look) -> float | None:
    """A bound: a number, `40%`, or a share of another field such as `90% of account.seats` (None without that field)."""
    if is_number(bound):
        return float(bound)
    share, _, path = str(bound).partition(" of ")
    part = float(share.removesuffix("%")) / 100
    if not path:
        return part
    field = look(path)
    return part * field if is_number(field) else None


def at_least(value: float, bound: float) -> bool:
    """'a tolerance of 1e-9 of the bound, in favour of true'."""
    return value >= bound - abs(bound) * 1e-9


def at_most(value: float, bound: float) -> bool:
    """'a tolerance of 1e-9 of the bound, in favour of true'."""
    return value <= bound + abs(bound) * 1e-9


def matches(mapping: dict[str, Any], look: Look, t: Instant, zone: str) -> Truth:
    """'A mapping from a path to a matcher; all must match'; `all`, `any` and `not` combine mappings."""
    return both(_entry(path, matcher, look, t, zone) for path, matcher in mapping.items())


def _entry(path: str, matcher: Any, look: Look, t: Instant, zone: str) -> Truth:
    if path == "all":
        return both(matches(one, look, t, zone) for one in matcher)
    if path == "any":
        return either(matches(one, look, t, zone) for one in matcher)
    if path == "not":
        return opposite(matches(matcher, look, t, zone))
    if isinstance(matcher, list):
        matcher = {"one_of": matcher}
    elif not isinstance(matcher, dict):
        matcher = {"equals": matcher}
    instead: Truth = matcher.get("missing")
    words = ((word, wanted) for word, wanted in matcher.items() if word != "missing")
    found = both(_word(word, wanted, look(path), look, t, zone) for word, wanted in words)
    return instead if found is None and instead is not None else found


def _word(word: str, wanted: Any, value: Any, look: Look, t: Instant, zone: str) -> Truth:
    """'A missing field or a wrong type makes the matcher unknown'."""
    if word in {"all", "any", "not"}:
        inner = [_entry("x", one, _always(value, look), t, zone) for one in (wanted if word != "not" else [wanted])]
        return both(inner) if word == "all" else either(inner) if word == "any" else opposite(inner[0])
    if word == "exists":
        return (value is not None) is bool(wanted)
    if value is None:
        return None
    if word in {"equals", "one_of", "none_of"}:
        choices = [wanted] if word == "equals" else wanted
        alike = [choice for choice in choices if _kind(choice) == _kind(value)]
        if not alike:
            return None
        among: bool = value in alike
        return among is not (word == "none_of")
    if word in {"older_than", "within"}:
        return _age(word, parse_duration(wanted), read_moment(value, zone), t)
    if word in {"contains", "starts_with", "ends_with", "matches"}:
        return _text(word, wanted, value)
    if word == "between":
        low, high = wanted
        return both([_compared("at_least", low, value, look, zone), _compared("at_most", high, value, look, zone)])
    return _compared(word, wanted, value, look, zone)


def _always(value: Any, look: Look) -> Look:
    return lambda path: value if path == "x" else look(path)


def _text(word: str, wanted: Any, value: Any) -> Truth:
    """'`contains` ignores case and takes a list.'"""
    if word == "contains":
        sought = [str(one).casefold() for one in (wanted if isinstance(wanted, list) else [wanted])]
        if isinstance(value, list):
            return any(str(one).casefold() in sought for one in value)
        return any(one in value.casefold() for one in sought) if isinstance(value, str) else None
    if not isinstance(value, str):
        return None
    if word == "matches":
        return re.search(wanted, value) is not None
    return value.startswith(wanted) if word == "starts_with" else value.endswith(wanted)


def _compared(word: str, wanted: Any, value: Any, look: Look, zone: str) -> Truth:
    compare: dict[str, Callable[[float, float], bool]]
    if isinstance(wanted, str) and DATE.match(wanted):
        # 'dates compare with fields that hold instants, exactly'
        compare = {"above": operator.gt, "below": operator.lt, "at_least": operator.ge, "at_most": operator.le}
        moment, limit = read_moment(value, zone), read_moment(wanted, zone)
        return None if moment is None or limit is None else compare[word](moment, limit)
    bound = number_of(wanted, look)
    if bound is None or not is_number(value):
        return None
    compare = {"above": operator.gt, "below": operator.lt, "at_least": at_least, "at_most": at_most}
    return compare[word](value, bound)


def _kind(value: Any) -> str:
    return "number" if is_number(value) else type(value).__name__


def _age(word: str, age: int, moment: Instant | None, t: Instant) -> Truth:
    """'`older_than` and `within` look back from `t`'; what time does at an instant comes after its events."""
    if moment is None:
        return None
    if word == "older_than":
        return t - moment > age
    return moment <= t <= moment + age
