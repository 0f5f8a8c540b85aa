"""The newest, or the first, instant at which an event occurred. Memory: one instant."""

from services.rules.core.calendar import Calendar
from services.rules.core.fields import EventFilter
from services.rules.core.metrics.contract import key_of
from shared.instants import Instant
from shared.records import Event


class LastSeen:
    """The newest `occurred_at`: a late event does not turn it back."""

    __slots__ = ("filter", "key")

    def __init__(self, filter: EventFilter, days: Calendar) -> None:
        self.filter = filter
        self.key = key_of("last", filter.signature(days.name))

    def observe(self, memory: Instant | None, event: Event) -> Instant:
        """The later of both."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        return at if memory is None or at > memory else memory


class FirstSeen:
    """The oldest `occurred_at`: a late event may turn it back."""

    __slots__ = ("filter", "key")

    def __init__(self, filter: EventFilter, days: Calendar) -> None:
        self.filter = filter
        self.key = key_of("first", filter.signature(days.name))

    def observe(self, memory: Instant | None, event: Event) -> Instant:
        """The earlier of both."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        return at if memory is None or at < memory else memory
