"""Waiting for a condition, with a deadline and a sentence that says what did not come."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

STEP_SECONDS = 0.05


def eventually(look: Callable[[], Found], what: str, within: float = 30.0) -> Found:
    """What `look` answers as soon as it is something. The last answer is in the message when it does not come."""
    ends = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < ends, f"not within {within:g} s: {what} (at last it was {found!r})"
        time.sleep(STEP_SECONDS)
