"""What a metric promises."""

from hashlib import blake2b
from typing import Any, Protocol

from services.rules.core.fields import EventFilter
from shared.records import Event


class Metric(Protocol):
    """The memory of some events. Two metrics with one `key` are one."""

    @property
    def filter(self) -> EventFilter:
        """The events that it hears."""
        ...

    @property
    def key(self) -> str:
        """Its name in documents, made by `key_of` from its filter and its shape."""
        ...

    def observe(self, memory: Any, event: Event) -> Any:
        """The memory after the event; `memory` is None before the first one.

        `event.occurred_at` is set and not later than `event.received_at`. What can fail comes before what changes the memory:
        after a fault the memory counts as it was.
        """
        ...


def key_of(*signature: object) -> str:
    """A short name for what a metric remembers: the same for every play that remembers the same."""
    return blake2b(" ".join(map(str, signature)).encode(), digest_size=5).hexdigest()
