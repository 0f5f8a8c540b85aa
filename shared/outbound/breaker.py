"""Keeps one broken destination, or one broken vendor that we ask, from delaying the others.

After ten failures in a row nothing is sent to it for ten seconds, then one request at a time until one succeeds; each further
failure doubles the pause, up to five minutes. Who asks to be left alone (429) is left alone at once.
"""

from dataclasses import dataclass

from shared.instants import MINUTE, SECOND, Instant
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, TryAgain

OPENS_AFTER = 10
FIRST_PAUSE = 10 * SECOND
LONGEST_PAUSE = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Breaker:
    """The last answers of one destination."""

    failures: int = 0
    open_until: Instant = 0


def room(breaker: Breaker, limit: int, now: Instant) -> int:
    """How many deliveries may be under way to this destination at `now`, of at most `limit`."""
    if now < breaker.open_until:
        return 0
    return 1 if breaker.failures >= OPENS_AFTER else limit


def after(breaker: Breaker, outcome: Outcome, now: Instant) -> Breaker:
    """The breaker after one more answer. An answer that refuses one delivery (400) is still an answer."""
    if isinstance(outcome, (Delivered, GiveUp)):
        return Breaker()
    if not isinstance(outcome, TryAgain):
        return breaker
    if outcome.throttled:
        return Breaker(breaker.failures, now + (outcome.after or 0))
    failures = breaker.failures + 1
    if failures < OPENS_AFTER:
        return Breaker(failures, breaker.open_until)
    pause = min(FIRST_PAUSE * 2 ** min(failures - OPENS_AFTER, 10), LONGEST_PAUSE)
    return Breaker(failures, now + pause)
