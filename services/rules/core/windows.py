"""Windows made of buckets: hours below two days, local days from there on."""

from pydantic_core import PydanticCustomError

from services.rules.core.calendar import HOURS, Calendar
from shared.instants import DAY, HOUR, Instant, Microseconds, show_duration

_DAYS_FROM = 2 * DAY


def whole_buckets(over: Microseconds) -> Microseconds:
    """Check that a window is a whole number of its buckets."""
    unit, name = (DAY, "days") if over >= _DAYS_FROM else (HOUR, "hours")
    if over % unit:
        raise PydanticCustomError(
            "whole_buckets", "{found} is not a whole number of {unit}", {"found": show_duration(over), "unit": name}
        )
    return over


def bucket_calendar(over: Microseconds, days: Calendar) -> Calendar:
    """The buckets that a window of this length is made of."""
    return days if over >= _DAYS_FROM else HOURS


def bucket_count(over: Microseconds) -> int:
    """How many buckets the window has."""
    return over // (DAY if over >= _DAYS_FROM else HOUR)


def first_whole(calendar: Calendar, since: Instant, bucket: int, width: int) -> int:
    """The first bucket from `bucket` on with `width` whole buckets before it that do not begin earlier than `since`."""
    if calendar.start(bucket - width) >= since:
        return bucket
    began = calendar.number(since)
    if calendar.start(began) < since:
        began += 1
    return max(bucket, began + width)
