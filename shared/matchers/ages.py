"""`older_than` and `within`: they look back from the instant of evaluation, so they make deadlines."""

from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import DAY, Instant, Microseconds, parse_duration, show_duration
from shared.matchers.contract import Deadline, Test
from shared.matchers.moments import moment_of
from shared.matchers.paths import Context
from shared.matchers.refusal import Refused, show

# A hundred years.
MAX_DURATION = 36_500 * DAY


def read_duration(value: object, _roots: tuple[str, ...]) -> Microseconds:
    """A duration of at most a hundred years.

    Raises:
        Refused: not a duration, or a longer one.
    """
    try:
        duration = parse_duration(value if isinstance(value, str) else show(value))
    except ValueError as error:
        raise Refused(str(error), found=value, code="duration") from error
    if duration > MAX_DURATION:
        raise Refused(f"{value} is more than {show_duration(MAX_DURATION)}", found=value, code="duration")
    return duration


def older_than(age: Microseconds, zone: ZoneInfo) -> Test:
    """Whether it lies more than `age` back; strictly."""

    def verdict(found: Any, _context: Context, t: Instant) -> bool | None:
        at = moment_of(found, zone)
        return None if at is None else t - at > age

    return verdict


def within(age: Microseconds, zone: ZoneInfo) -> Test:
    """Whether it lies at most `age` back, and not ahead."""

    def verdict(found: Any, _context: Context, t: Instant) -> bool | None:
        at = moment_of(found, zone)
        return None if at is None else 0 <= t - at <= age

    return verdict


def when_older(age: Microseconds, zone: ZoneInfo) -> Deadline:
    """The last instant at which it is not yet older."""

    def verdict(found: Any, t: Instant) -> Instant | None:
        at = moment_of(found, zone)
        return None if at is None or at + age < t else at + age

    return verdict


def when_within(age: Microseconds, zone: ZoneInfo) -> Deadline:
    """When it comes, and the last instant at which it is still within."""

    def verdict(found: Any, t: Instant) -> Instant | None:
        at = moment_of(found, zone)
        if at is None or at + age < t:
            return None
        return at if at > t else at + age

    return verdict
