"""How many items a key may send: a bucket of tokens for each key, in the memory of this process.

A bucket holds `burst` tokens, and gets `per_second` of them back a second; an item takes one. What one key has used up says
nothing about the next one's. With several processes of ingest each has buckets of its own, so that a key may send as many times
more.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from services.ingest.errors import Problem
from shared.settings import Settings


class Allowance(NamedTuple):
    """What every key may send: items a second for ever, and so many at once after a pause."""

    per_second: int = 20_000
    burst: int = 100_000


GENEROUS = Allowance()


def allowance_of(settings: Settings) -> Allowance:
    """What the deployment's settings allow every key."""
    return Allowance(settings.events_per_second, settings.events_at_once)


class Rates:
    """The buckets. They are as many as keys that have sent; `monotonic` tells seconds that never go backwards."""

    def __init__(self, allowance: Allowance, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst = allowance
        self._monotonic = monotonic
        # The tokens left to each key, and when they were counted.
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str, items: int) -> None:
        """Take a token for each item. A full bucket is enough for any request: what it lacks is owed.

        Raises Problem 429: they are not there; nothing was taken. `Retry-After` says when they will be.
        """
        now = self._monotonic()
        left, counted_at = self._buckets.get(key_id, (float(self._burst), now))
        left = min(float(self._burst), left + (now - counted_at) * self._per_second)
        lacking = min(items, self._burst) - left
        if lacking > 0:
            self._buckets[key_id] = (left, now)
            detail = f"this key may send {self._per_second:,} events a second, {self._burst:,} at once: send these again later"
            # One more, for the request that sends them again.
            wait = math.ceil((lacking + 1) / self._per_second)
            raise Problem(429, "too_fast", detail, headers={"Retry-After": str(wait)})
        self._buckets[key_id] = (left - items, now)
