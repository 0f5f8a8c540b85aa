"""When a delivery is tried again, and what an HTTP answer means.

The schedule is that of Standard Webhooks (spec/standard-webhooks.md): after the first try 5 s, 5 min, 30 min, 2 h, 5 h, 10 h,
14 h, 20 h and 24 h, each 20 % more or less.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from shared.instants import DAY, HOUR, MINUTE, SECOND, Instant, Microseconds, instant_of
from shared.outbound.outcomes import Delivered, Disable, GiveUp, Outcome, Pause, TryAgain

SCHEDULE: tuple[Microseconds, ...] = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
JITTER = 0.2
# What a tool may ask for at most: a wrong Retry-After must not lose a delivery.
MAX_RETRY_AFTER = HOUR
THROTTLED = MINUTE
# Tries that were throttled do not count, so age ends them.
MAX_AGE = 7 * DAY
# A delivery that takes its worker down with it is found by its lease running out again and again.
MAX_LOST = 20

_OK, _REDIRECT, _CLIENT, _SERVER = 200, 300, 400, 500
_REFUSED = (401, 403)
_TIMEOUT, _GONE, _TOO_EARLY, _TOO_MANY = 408, 410, 425, 429


def after_failure(outcome: TryAgain, failures: int, age: Microseconds, jitter: float) -> TryAgain | GiveUp:
    """The same outcome with `after` filled in, or the end of it.

    `failures` counts the failed tries before this one, throttled ones left out; `age` is how long the delivery exists; `jitter`
    is a number from -1 to 1. What the tool asks for is kept between our own gap and an hour, and only ever prolonged; a throttled
    try has the schedule's first gap, however many failed before.
    """
    if failures >= len(SCHEDULE):
        return GiveUp(f"failed {failures + 1} times; the last: {outcome.reason}", outcome.status, outcome.response)
    if age > MAX_AGE:
        return GiveUp(f"not accepted within 7 days; the last: {outcome.reason}", outcome.status, outcome.response)
    gap = SCHEDULE[0 if outcome.throttled else failures]
    if outcome.throttled and outcome.after is None:
        gap = THROTTLED
    if outcome.after is None:
        after = round(gap * (1 + JITTER * jitter))
    else:
        asked = min(max(outcome.after, gap), max(gap, MAX_RETRY_AFTER))
        after = round(asked * (1 + JITTER * abs(jitter) / 2))
    return TryAgain(outcome.reason, after, outcome.throttled, outcome.status, outcome.response)


def parse_retry_after(text: str | None, now: Instant) -> Microseconds | None:
    """Read a Retry-After header (RFC 9110 10.2.3): seconds, a fraction of them too, or an HTTP date.

    None when it says nothing usable.
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until_date(text, now)
    # NaN and negative numbers say nothing; the bound keeps infinity out of the arithmetic.
    return round(min(seconds, 1e9) * SECOND) if seconds >= 0 else None


def judge_answer(status: int, headers: Mapping[str, str], response: str, now: Instant) -> Outcome:
    """What an HTTP status means, by Standard Webhooks; `headers` has lower-case names or ignores case."""
    if _OK <= status < _REDIRECT:
        return Delivered(status=status, response=response)
    reason = f"answered {status}"
    if status in _REFUSED:
        return Pause(f"{reason}: it refuses us", status, response)
    if status == _GONE:
        return Disable(f"{reason}: it is gone", status, response)
    if _CLIENT <= status < _SERVER and status not in (_TIMEOUT, _TOO_EARLY, _TOO_MANY):
        return GiveUp(reason, status, response)
    if _REDIRECT <= status < _CLIENT:
        return TryAgain(f"{reason}: redirects are not followed", status=status, response=response)
    after = parse_retry_after(headers.get("retry-after"), now)
    return TryAgain(reason, after, status == _TOO_MANY, status, response)


def _until_date(text: str, now: Instant) -> Microseconds | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return max(0, instant_of(moment) - now) if moment.tzinfo else None
