"""What a word of a matcher is. One file for each family of words: equality, bounds, texts, ages."""

from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shared.instants import Instant
from shared.matchers.paths import Context

Argument = Any
# Called with the value that was found (None where there is none), the context and the instant of evaluation. True, false, or None
# where it cannot say: nothing there, or of another type than the word compares with.
Test = Callable[[Any, Context, Instant], bool | None]
# The first instant, at or after the one given, whose passing may change the verdict on the value.
Deadline = Callable[[Any, Instant], Instant | None]


class Word(NamedTuple):
    """What one word means (for editors), what it asks (after the field's name, `{}` its argument), how it is read, how it tests,
    and when its verdict may change by itself.
    """

    meaning: str
    asks: str
    read: Callable[[object, tuple[str, ...]], Argument]
    test: Callable[[Argument, ZoneInfo], Test]
    deadline: Callable[[Argument, ZoneInfo], Deadline] | None = None
