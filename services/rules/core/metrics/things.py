"""Things that are opened and closed: tickets, invoices, incidents. Memory: a mapping from a thing's value to what is known of it.

Of each thing: `o`, the instants of its `opens` after its last `closes`, in order; `c`, its last `closes`; `n`, its newest event;
`p`, the properties that matter, each `[occurred_at, value]`. A thing is open while `o` holds anything, since the first of it.
"""

from bisect import insort
from typing import Any

from services.rules.core.fields import EventFilter, read_path
from services.rules.core.metrics.contract import key_of
from shared.instants import DAY, Instant
from shared.matchers import CompiledMatchers
from shared.records import Event, JsonObject

# A thing that is not open is forgotten so long after its latest event; an `opens` that comes later than that is ignored.
FORGOTTEN_AFTER = 90 * DAY

Thing = dict[str, Any]


class Things:
    """Every event that carries a value at `by` is heard; `opens` and `closes` say what it does to the thing."""

    def __init__(self, by: str, opens: EventFilter, closes: EventFilter, paths: frozenset[str], timezone: str) -> None:
        self.filter = EventFilter.model_validate({"of": "any"})
        self.by = tuple(by.split("."))[1:]
        self.paths = {path: tuple(path.split("."))[1:] for path in sorted(paths)}
        self._opens = (opens, opens.compiled_where(timezone))
        self._closes = (closes, closes.compiled_where(timezone))
        self.key = key_of("things", by, opens.signature(timezone), closes.signature(timezone), *sorted(paths), timezone)

    def observe(self, memory: dict[str, Thing] | None, event: Event) -> dict[str, Thing]:
        """The things after the event. One that both opens and closes closes; of equal instants the later in the log counts."""
        memory = memory if memory is not None else {}
        properties = event.properties
        value = read_path(properties, self.by)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return memory
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        closes, opens = _does(self._closes, event), _does(self._opens, event)
        if not closes and opens and event.received_at - at > FORGOTTEN_AFTER:
            opens = False
        thing = memory.get(str(value))
        if thing is None or _stale(thing, event.received_at):
            thing = memory[str(value)] = {"o": [], "c": None, "n": at, "p": {}}
        thing["n"] = max(thing["n"], at)
        self._note(thing, properties, at)
        if closes:
            _close(thing, at)
        elif opens and (thing["c"] is None or at >= thing["c"]):
            insort(thing["o"], at)
        _forget(memory, event.received_at)
        return memory

    def _note(self, thing: Thing, properties: JsonObject, at: Instant) -> None:
        """What an event says of a property counts, also that it is null; what it leaves out stays."""
        for path, keys in self.paths.items():
            known = thing["p"].get(path)
            if keys[0] in properties and (known is None or at >= known[0]):
                thing["p"][path] = [at, read_path(properties, keys)]


def _does(filter: tuple[EventFilter, CompiledMatchers | None], event: Event) -> bool:
    names, where = filter
    if not names.hears(event.name):
        return False
    return (
        where is None or where.verdict({"properties": event.properties, "event": {"name": event.name}}, event.received_at) is True
    )


def _close(thing: Thing, at: Instant) -> None:
    # What closed it later is known already; an `opens` of that very instant that came after it stands.
    if thing["c"] is None or at >= thing["c"]:
        thing["c"] = at
        thing["o"] = [opened for opened in thing["o"] if opened > at]


def _forget(memory: dict[str, Thing], now: Instant) -> None:
    for value in [value for value, thing in memory.items() if _stale(thing, now)]:
        del memory[value]


def _stale(thing: Thing, now: Instant) -> bool:
    return not thing["o"] and now - thing["n"] > FORGOTTEN_AFTER
