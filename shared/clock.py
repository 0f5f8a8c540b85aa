"""The wall clock, as a value that can be passed: only loops and `main` ask for the hour."""

import time
from collections.abc import Callable

from shared.instants import Instant

Clock = Callable[[], Instant]


def wall_clock() -> Instant:
    """Now, in whole microseconds since 1970 in UTC."""
    return time.time_ns() // 1000
