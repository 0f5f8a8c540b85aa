"""The filters of templates: most are Liquid's own, some are ours, and what goes into each is bounded.

{{ evidence.drop | percent }}            0.41 is 41%; percent: 1 is 41.2%
{{ evidence.current | round: 1 }}        2.0 is written 2
{{ account.renewal_date | date: "%d %B %Y", "Europe/Berlin" }}
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from liquid.exceptions import FilterArgumentError, ResourceLimitError, UndefinedError
from liquid.undefined import is_undefined

from shared.instants import datetime_of, instant_of, parse_instant

# The longest text, list or number (in digits) that a filter takes, and the longest text that replacing or joining may make.
MAX_VALUE = 65_536
MAX_DIGITS = 1_000

Filter = Callable[..., object]


def percent(value: object, digits: object = 0) -> str:
    """A share as a percentage: 0.41 is `41%`."""
    return f"{_number(value, 'percent') * 100:.{_places(digits)}f}%"


def round_(value: object, digits: object = 0) -> object:
    """Rounded half to even; a whole number is written without a point."""
    rounded = round(_number(value, "round"), _places(digits))
    return int(rounded) if rounded == int(rounded) else rounded


def date(value: object, form: object = "%Y-%m-%d", timezone: object = "UTC") -> str:
    """An ISO 8601 text, or microseconds since 1970, in the form of strftime."""
    try:
        zone = ZoneInfo(str(timezone))
    except (ZoneInfoNotFoundError, ValueError):
        raise FilterArgumentError(f"date: {timezone!r} is not a time zone", token=None) from None
    text = str(form)
    if len(text) > 100:
        raise FilterArgumentError("date: the form is longer than 100 characters", token=None)
    return _moment(value).astimezone(zone).strftime(text)


def _moment(value: object) -> datetime:
    try:
        if isinstance(value, str):
            # A date and time with a zone keeps its instant; one without is UTC.
            return datetime_of(parse_instant(value.strip()))
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime_of(value)
        if isinstance(value, datetime):
            return datetime_of(instant_of(value))
    except (ValueError, OverflowError):
        pass
    raise FilterArgumentError(f"date: {_shown(value)} is not a date", token=None)


def _number(value: object, name: str) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise FilterArgumentError(f"{name}: {_shown(value)} is not a number", token=None)


def _shown(value: object) -> str:
    return repr(value)[:50]


def _places(digits: object) -> int:
    if isinstance(digits, int) and 0 <= digits <= 12:
        return digits
    raise FilterArgumentError("the number of digits is from 0 to 12", token=None)


# What is not here does not exist: `safe` would undo escaping, `base64_*` and `escapejs` are for no message.
_LIQUIDS_OWN = (
    *("abs", "at_most", "at_least", "ceil", "divided_by", "floor", "minus", "plus", "times", "modulo"),
    *("append", "capitalize", "downcase", "escape", "lstrip", "newline_to_br", "prepend", "remove", "replace", "replace_first"),
    *(
        "rstrip",
        "size",
        "slice",
        "split",
        "squish",
        "strip",
        "strip_newlines",
        "truncate",
        "truncatewords",
        "upcase",
        "url_encode",
    ),
    *("compact", "concat", "first", "join", "last", "map", "reverse", "sort", "sum", "uniq", "where"),
    "default",
)
# None: Liquid's own.
FILTERS: dict[str, Filter | None] = {**dict.fromkeys(_LIQUIDS_OWN), "percent": percent, "round": round_, "date": date}


def bounded(name: str, original: Filter) -> Filter:
    """The filter, refusing what would take long: long texts and lists, ranges, giant numbers, and replacements that multiply."""

    def limited(*values: Any, **named: Any) -> object:
        for value in (*values, *named.values()):
            if name != "default":
                _refuse_nothing(name, value)
            if _size(value) > MAX_VALUE:
                raise ResourceLimitError(f"{name}: the value is longer than {MAX_VALUE}", token=None)
        if _grown(name, values) > MAX_VALUE:
            raise ResourceLimitError(f"{name}: the result would be longer than {MAX_VALUE}", token=None)
        return original(*values, **named)

    return limited


def _refuse_nothing(name: str, value: object) -> None:
    """A value that is not there would be written as a blank, or counted as 0."""
    if is_undefined(value):
        raise UndefinedError(str(getattr(value, "msg", "a path is undefined")), token=None)
    if value is None:
        raise UndefinedError(f"{name}: the value is empty", token=None)


def _size(value: object) -> int:
    if isinstance(value, (str, list, tuple, dict, range)) and not is_undefined(value):
        return len(value)
    if isinstance(value, int) and value.bit_length() > MAX_DIGITS * 4:
        return MAX_VALUE + 1
    return 0


def _grown(name: str, values: tuple[Any, ...]) -> int:
    """An upper bound of how long the result of a multiplying filter is; 0 for all others."""
    if name == "replace" and len(values) >= 2:
        left, needle = str(values[0]), str(values[1])
        replacement = str(values[2]) if len(values) > 2 else ""
        return (left.count(needle) if needle else len(left) + 1) * len(replacement)
    if name == "join" and values and isinstance(values[0], (list, tuple, range)):
        glue = str(values[1]) if len(values) > 1 else " "
        return len(values[0]) * len(glue)
    return 0
