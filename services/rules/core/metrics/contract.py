"""What a metric promises."""

from typing import Any, Protocol

from services.rules.core.fields import EventFilter
from shared.records import Event


class Metric(Protocol):
    """The memory of some events. `signature` names it: two metrics with one signature are one."""

    @property
    def filter(self) -> EventFilter:
        """The events that it hears."""
        ...

    @property
    def signature(self) -> str:
        """Filter and shape, as text."""
        ...

    def observe(self, memory: Any, event: Event) -> Any:
        """The memory after the event; `memory` is None before the first one.

        `event.occurred_at` is set and not later than `event.received_at`.
        """
        ...
