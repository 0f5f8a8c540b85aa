"""The newest instants, exactly: of events, or of the users, days or values that they bring.

`NewestInstants` keeps the `limit` newest `occurred_at` in order: enough to know, for any instant, whether as many came after it.
`NewestKeys` keeps for each user (or day, or value) when it was last there, the `limit` newest of them.
"""

from bisect import bisect_left, insort
from typing import Any, Literal

from services.rules.core.calendar import Calendar
from services.rules.core.fields import EventFilter, Measure, read_path
from services.rules.core.metrics.contract import key_of
from services.rules.core.metrics.values import text_of
from shared.instants import Instant, Microseconds
from shared.records import Event


class NewestInstants:
    """Memory: a sorted list of instants, at most `limit`, none older than `over` before the newest record."""

    __slots__ = ("filter", "key", "limit", "over")

    def __init__(self, filter: EventFilter, limit: int, over: Microseconds | None, days: Calendar) -> None:
        self.filter = filter
        self.limit = limit
        self.over = over
        self.key = key_of("newest", limit, over, filter.signature(days.name))

    def observe(self, memory: list[Instant] | None, event: Event) -> list[Instant]:
        """Insert in order; drop what no window can reach any more."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        if memory is None:
            memory = []
        insort(memory, at)
        stale = max(len(memory) - self.limit, 0)
        if self.over is not None:
            stale = max(stale, bisect_left(memory, event.received_at - self.over))
        if stale:
            del memory[:stale]
        return memory


class NewestKeys:
    """Memory: pairs [instant, key], sorted by instant, each key once with its newest instant, at most `limit`."""

    __slots__ = ("days", "filter", "key", "kind", "limit", "path")

    def __init__(self, filter: EventFilter, measure: Measure, limit: int, days: Calendar) -> None:
        self.filter = filter
        self.kind: Literal["users", "days", "distinct"] = measure.kind  # type: ignore[assignment]  # the condition checks it
        self.path = tuple((measure.path or "").split("."))[1:]
        self.limit = limit
        self.days = days
        calendar = days.name if measure.kind == "days" else None
        self.key = key_of("newest keys", limit, measure.signature, calendar, filter.signature(days.name))

    def observe(self, memory: list[list[Any]] | None, event: Event) -> list[list[Any]]:
        """Move the event's key to its place; an event without one changes nothing."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        memory = memory if memory is not None else []
        key = self._key(event, at)
        if key is None:
            return memory
        for place, (known_at, known) in enumerate(memory):
            if known == key:
                if known_at >= at:
                    return memory
                del memory[place]
                break
        insort(memory, [at, key], key=_instant)
        if len(memory) > self.limit:
            del memory[0]
        return memory

    def _key(self, event: Event, at: Instant) -> str | int | None:
        if self.kind == "users":
            return event.user_id
        if self.kind == "days":
            return self.days.number(at)
        return text_of(read_path(event.properties, self.path))


def _instant(pair: list[Any]) -> Instant:
    return pair[0]  # type: ignore[no-any-return]  # [instant, key]
