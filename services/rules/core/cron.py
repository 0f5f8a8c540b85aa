"""Cron expressions of five fields: minute, hour, day of month, month, day of week, in a time zone.

As in cron(5): where both days are restricted, either suffices; Sunday is 0 or 7; names of three letters stand for months and
weekdays. A local time that does not exist on a day is skipped; one that comes twice counts the first time.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.instants import Instant, datetime_of, instant_of

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# 29 February comes again within eight years, also over 2100.
_LOOK_AHEAD = timedelta(days=8 * 366)


class Cron:
    """One expression, parsed.

    Raises:
        ValueError: not five fields, or one that is out of range; the message names it.
    """

    def __init__(self, expression: str, timezone: str) -> None:
        fields = expression.lower().split()
        if len(fields) != 5:
            raise ValueError(f"{expression!r} has {len(fields)} fields; cron has five: minute hour day month weekday")
        self.minutes = sorted(_field(fields[0], 0, 59))
        self.hours = sorted(_field(fields[1], 0, 23))
        self.days = _field(fields[2], 1, 31)
        self.months = _field(fields[3], 1, 12, _MONTHS)
        self.weekdays = {day % 7 for day in _field(fields[4], 0, 7, _WEEKDAYS)}
        self._any_day, self._any_weekday = fields[2].startswith("*"), fields[4].startswith("*")
        self._zone = ZoneInfo(timezone)

    def next(self, at: Instant) -> Instant | None:
        """The first occurrence at or after `at`; None when there is none within eight years."""
        local = datetime_of(at).astimezone(self._zone)
        day = local.date() - timedelta(days=1)
        end = day + _LOOK_AHEAD
        while day <= end:
            if self._fits(day):
                found = next((instant for instant in self._instants(day) if instant >= at), None)
                if found is not None:
                    return found
            day += timedelta(days=1)
        return None

    def _fits(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if self._any_day or self._any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    def _instants(self, day: date) -> list[Instant]:
        found = []
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone)
                moment = local.astimezone(UTC)
                # PEP 495: a time in a gap does not come back as itself.
                if moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    found.append(instant_of(moment))
        return sorted(found)


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdecimal() or int(step) == 0):
            raise ValueError(f"{part!r} has no step: write */5, or 10-50/10")
        first, dash, last = span.partition("-")
        if span == "*":
            start, stop = low, high
        else:
            start = _value(first, low, high, names)
            stop = _value(last, low, high, names) if dash else high if step else start
        if start > stop:
            raise ValueError(f"{part!r} runs backwards")
        values.update(range(start, stop + 1, int(step) if step else 1))
    return values


def _value(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + (1 if names is _MONTHS else 0)
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is not between {low} and {high}")
    return int(text)
