"""When a task is due: `3d`, or `2 working days` (Monday to Friday, in a time zone)."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.instants import Instant, datetime_of, instant_of, parse_duration

_WORKING_DAYS = re.compile(r"([0-9]{1,3}) working days?")
_SATURDAY = 5


def check_due(text: str) -> str:
    """The text itself when it is a span of time that `due_at` understands.

    Raises:
        ValueError: it is neither a duration nor a number of working days.
    """
    if _WORKING_DAYS.fullmatch(text) is None:
        try:
            parse_duration(text)
        except ValueError:
            raise ValueError(f"{text!r} is neither a duration, such as 3d, nor working days, such as 2 working days") from None
    return text


def due_at(span: str, since: Instant, timezone: str = "UTC") -> Instant:
    """The instant `span` after `since`.

    Working days keep the local time of day and step over Saturday and Sunday: one working day after a Friday, Saturday or Sunday
    is Monday. Days off are not known here.
    """
    working = _WORKING_DAYS.fullmatch(span)
    if working is None:
        return since + parse_duration(span)
    zone = ZoneInfo(timezone)
    local = datetime_of(since).astimezone(zone)
    day = local.date()
    for _ in range(int(working[1])):
        day += timedelta(days=1)
        while day.weekday() >= _SATURDAY:
            day += timedelta(days=1)
    return instant_of(datetime.combine(day, local.timetz()))
