"""Buckets by the definition: UTC hours, and local days that begin at the first instant of their date."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from shared.instants import DAY, HOUR, MINUTE, Instant, Microseconds, datetime_of, parse_duration, parse_instant


@cache
def local_date(instant: Instant, zone: str) -> date:
    """The date that a calendar in that zone shows."""
    return datetime_of(instant).astimezone(ZoneInfo(zone)).date()


@cache
def day_begins(day: date, zone: str) -> Instant:
    """'A day begins at the first instant of its date': found by looking at every quarter of an hour, which every offset is."""
    instant = parse_instant(day.isoformat()) - 2 * DAY
    while local_date(instant, zone) < day:
        instant += 15 * MINUTE
    return instant


@dataclass(frozen=True)
class Buckets:
    """'local days when `over` is two days or more, else hours'; 'Hour buckets are UTC hours'."""

    daily: bool
    zone: str

    def begin(self, instant: Instant) -> Instant:
        """The beginning of the bucket that the instant is in."""
        if self.daily:
            return day_begins(local_date(instant, self.zone), self.zone)
        return instant - instant % HOUR

    def after(self, begin: Instant) -> Instant:
        """The beginning of the next bucket."""
        if not self.daily:
            return begin + HOUR
        day = local_date(begin, self.zone)
        while (after := day_begins(day, self.zone)) <= begin:
            day += timedelta(days=1)
        return after

    def before(self, begin: Instant, number: int) -> Instant:
        """The beginning of the bucket that many buckets earlier."""
        for _ in range(number):
            begin = self.begin(begin - 1)
        return begin

    def number(self, duration: Microseconds) -> int:
        """How many buckets a duration is."""
        whole, rest = divmod(duration, DAY if self.daily else HOUR)
        assert rest == 0, "`over` is a whole number of buckets"
        return whole


def buckets_for(over: str, zone: str) -> Buckets:
    """The buckets that go with a window."""
    return Buckets(parse_duration(over) >= 2 * DAY, zone)


def read_moment(value: object, zone: str) -> Instant | None:
    """An instant in a trait: 'a date without a time is that instant', the first of the date in the play's zone; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    try:
        return day_begins(date.fromisoformat(value), zone) if len(value) == len("2026-01-01") else parse_instant(value)
    except ValueError:
        return None
