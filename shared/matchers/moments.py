"""Instants as they stand in traits and in plays: ISO 8601 text, or whole microseconds."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.instants import Instant, instant_of

# The years 1 to 9999: what ISO 8601 can say, and what a database's 64 bits can hold with any duration added.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_DATE_LIKE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def moment_of(found: object, zone: ZoneInfo) -> Instant | None:
    """The instant that a value says; None when it says none.

    A date without a time is the first instant of its day in `zone`; a time without an offset is UTC. A number is microseconds.
    """
    if type(found) is str:
        return _moment_of_text(found, zone)
    return found if type(found) is int and _FIRST <= found <= _LAST else None


@lru_cache(maxsize=8192)
def _moment_of_text(text: str, zone: ZoneInfo) -> Instant | None:
    if _DATE_LIKE.fullmatch(text) is None:
        return None
    try:
        if len(text) == len("2026-01-01"):
            return first_instant(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
        return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def first_instant(day: date, zone: ZoneInfo) -> Instant:
    """The first instant of a local day: midnight, or where the clock jumps over midnight, the instant of the jump.

    Raises:
        OverflowError: the day is at the very edge of the calendar.
    """
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    if midnight.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, time()):
        return instant_of(midnight)
    # The clock jumps over this midnight: find the jump, to the second.
    before, after = midnight - timedelta(hours=26), midnight
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).date() >= day:
            after = middle
        else:
            before = middle
    return instant_of(after)
