"""Instants and durations, in whole microseconds.

An instant is an `int`: microseconds since 1970-01-01T00:00:00Z. Integers compare, add and encode several times faster than
`datetime`, are exact, and look the same in the log, in the database and in a subject's document. People see ISO 8601.
"""

import re
from datetime import UTC, datetime, timedelta

Instant = int
Microseconds = int

SECOND: Microseconds = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Without a zone it is written without an offset, in a third less time.
_EPOCH_AS_IS = _EPOCH.replace(tzinfo=None)


def parse_duration(text: str) -> Microseconds:
    """Read `90s`, `5m`, `6h`, `7d` or `2w`.

    Raises:
        ValueError: the text is not a whole number followed by one of `s m h d w`.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write a whole number and one of s, m, h, d, w, such as 7d")
    return int(found[1]) * _UNITS[found[2]]


def show_duration(duration: Microseconds) -> str:
    """Write a duration in its largest whole unit: 604800000000 is `1w`, 90 seconds are `90s`."""
    for unit in ("w", "d", "h", "m", "s"):
        if duration % _UNITS[unit] == 0 and (duration or unit == "s"):
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration / SECOND:.6f}s"


def instant_of(moment: datetime) -> Instant:
    """Turn an aware `datetime` into an instant, exactly.

    Raises:
        ValueError: the datetime has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def datetime_of(instant: Instant) -> datetime:
    """The instant as an aware UTC `datetime`."""
    return _EPOCH + timedelta(microseconds=instant)


def parse_instant(text: str) -> Instant:
    """Read an ISO 8601 date and time; without an offset it is UTC, a date alone is its first instant in UTC.

    Raises:
        ValueError: not ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    since = moment - (_EPOCH_AS_IS if moment.tzinfo is None else _EPOCH)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def show_instant(instant: Instant) -> str:
    """ISO 8601 in UTC, with microseconds only where there are any: `2026-03-01T09:00:00Z`."""
    return f"{(_EPOCH_AS_IS + timedelta(0, 0, instant)).isoformat()}Z"


def month_of(instant: Instant) -> int:
    """The calendar month (UTC) as `year * 12 + month - 1`, so that the month before is one less."""
    moment = datetime_of(instant)
    return moment.year * 12 + moment.month - 1
