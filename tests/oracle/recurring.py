"""every: the instants of a recurring date, found by trying every minute or every multiple."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from shared.instants import DAY, MINUTE, Instant, instant_of, parse_duration
from shared.records import JsonObject
from tests.oracle.days import local_date

WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def recurs(form: JsonObject, anchor: Instant | None, at: Instant, zone: str) -> bool:
    """Whether a deadline at `at` is one of them. 'at anchor + k x each, k = 1, 2, ...; cron in the play's time zone'."""
    if "cron" in form:
        return at % MINUTE == 0 and at in times_of(form["cron"], local_date(at, zone), zone)
    return anchor is not None and at > anchor and (at - anchor) % parse_duration(form["each"]) == 0


def times_between(form: JsonObject, anchors: set[Instant], first: Instant, until: Instant, zone: str) -> Iterator[Instant]:
    """All that could come from `first` to `until`, whichever of the anchors counts then."""
    if "cron" in form:
        for day in sorted({local_date(at, zone) for at in range(first - DAY, until + DAY, DAY // 4)}):
            yield from times_of(form["cron"], day, zone)
    else:
        each = parse_duration(form["each"])
        for anchor in anchors:
            yield from range(first + (anchor - first) % each, until + 1, each)


@cache
def times_of(cron: str, day: date, zone: str) -> list[Instant]:
    """'a time that does not exist that day is skipped'; one that is there twice counts the first time."""
    minutes, hours, days, months, weekdays = cron.split()
    on_day = day.day in values(days, 1, 31)
    on_weekday = day.isoweekday() % 7 in {value % 7 for value in values(weekdays, 0, 7, WEEKDAYS)}
    # Where both are given, either will do.
    chosen = on_day or on_weekday if days != "*" and weekdays != "*" else on_day and on_weekday
    if not chosen or day.month not in values(months, 1, 12, MONTHS):
        return []
    found = []
    for hour in sorted(values(hours, 0, 23)):
        for minute in sorted(values(minutes, 0, 59)):
            local = datetime.combine(day, time(hour, minute), ZoneInfo(zone))
            if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local.replace(tzinfo=None):
                found.append(instant_of(local))
    return found


def values(field: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    """The numbers that a field of cron means."""

    def number(text: str) -> int:
        return names.index(text) if names and text in names else int(text)

    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            begin, end = low, high
        elif "-" in span:
            begin, end = (number(text) for text in span.split("-"))
        else:
            begin, end = number(span), high if step else number(span)
        found |= set(range(begin, end + 1, int(step or 1)))
    return found
