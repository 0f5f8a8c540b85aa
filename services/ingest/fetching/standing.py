"""How we stand with a vendor that we ask: whether it is broken, wants to be left alone, or does not let us in.

One that answers 401 is not asked again for five minutes, and then for one thing at a time, until it lets us in or the credentials
change. A 403 may be about one thing only, so three in a row are needed; before that it is a failed try of that thing.
"""

from dataclasses import dataclass, field, replace

from shared.instants import MINUTE, Instant
from shared.outbound import breaker
from shared.outbound.breaker import Breaker
from shared.outbound.outcomes import Outcome, Pause, TryAgain

REFUSED_FOR = 5 * MINUTE
FORBIDDEN_IN_A_ROW = 3
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Standing:
    """The vendor's last answers."""

    breaker: Breaker = field(default_factory=Breaker)
    forbidden: int = 0
    # 0 as long as it lets us in.
    refused_until: Instant = 0

    @property
    def paused(self) -> bool:
        """Whether the vendor does not let us in."""
        return self.refused_until > 0


def room(standing: Standing, limit: int, now: Instant) -> int:
    """How many things may be fetched at once, of at most `limit`."""
    if now < standing.refused_until:
        return 0
    return breaker.room(standing.breaker, 1 if standing.paused else limit, now)


def judged(standing: Standing, outcome: Outcome) -> Outcome:
    """What an outcome means for the thing, given how we stand."""
    alone = standing.forbidden + 1 < FORBIDDEN_IN_A_ROW and not standing.paused
    if isinstance(outcome, Pause) and outcome.status == _FORBIDDEN and alone:
        return TryAgain(outcome.reason, status=outcome.status)
    return outcome


def after(standing: Standing, outcome: Outcome, now: Instant) -> Standing:
    """How we stand after one more answer, as `judged` gave it and `retry` decided it."""
    if isinstance(outcome, Pause):
        return replace(standing, refused_until=now + REFUSED_FOR)
    if outcome.status == _FORBIDDEN:
        return replace(standing, forbidden=standing.forbidden + 1)
    told = breaker.after(standing.breaker, outcome, now)
    if isinstance(outcome, TryAgain):
        return replace(standing, breaker=told)
    return Standing(breaker=told)
