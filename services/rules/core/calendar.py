"""Buckets of time: UTC hours, and local days of a time zone.

A bucket has a number; numbers rise by one from bucket to bucket. A day begins at the first instant of its date in its zone,
so days of 23 and 25 hours are buckets like any other.
"""

from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, Instant, Microseconds, datetime_of
from shared.matchers import first_instant

_EPOCH_DAY = date(1970, 1, 1).toordinal()
# Where the days of every zone are dates. Beyond (a start in the year 9999, and a window after it) days are those of UTC.
_FIRST_DAY, _LAST_DAY = date(1, 1, 4).toordinal() - _EPOCH_DAY, date(9999, 12, 28).toordinal() - _EPOCH_DAY


class Fixed:
    """Buckets of one length in UTC: hours, and days where the zone is UTC."""

    __slots__ = ("length", "name")

    def __init__(self, length: Microseconds) -> None:
        self.length = length
        self.name = f"fixed {length}"

    def number(self, instant: Instant) -> int:
        """The bucket that holds the instant."""
        return instant // self.length

    def start(self, number: int) -> Instant:
        """The first instant of the bucket."""
        return number * self.length


class LocalDays:
    """Days of one time zone, numbered from 1970-01-01."""

    __slots__ = ("_end", "_number", "_start", "_starts", "length", "name", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.length = DAY
        self.name = f"days {zone.key}"
        self._starts: dict[int, Instant] = {}
        # The day asked for last: most questions are about the same one.
        self._number, self._start, self._end = 0, 0, 0

    def number(self, instant: Instant) -> int:
        """The day that holds the instant."""
        if not self._start <= instant < self._end:
            number = instant // DAY
            if _FIRST_DAY < number < _LAST_DAY:
                number = datetime_of(instant).astimezone(self.zone).toordinal() - _EPOCH_DAY
            self._number, self._start, self._end = number, self.start(number), self.start(number + 1)
        return self._number

    def start(self, number: int) -> Instant:
        """The first instant of the day; where midnight is skipped, the instant of the skip."""
        found = self._starts.get(number)
        if found is None:
            within = _FIRST_DAY < number < _LAST_DAY
            found = first_instant(date.fromordinal(number + _EPOCH_DAY), self.zone) if within else number * DAY
            self._starts[number] = found
        return found


Calendar = Fixed | LocalDays
HOURS = Fixed(HOUR)


@cache
def days_of(timezone: str) -> Calendar:
    """The days of an IANA time zone.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    return Fixed(DAY) if timezone == "UTC" else LocalDays(ZoneInfo(timezone))


def open_bucket(calendar: Calendar, now: Instant) -> int:
    """The bucket that is still open at `now`.

    At a boundary itself that is the old one, since time's effects come after the events of an instant.
    """
    return calendar.number(now - 1)
