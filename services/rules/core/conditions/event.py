"""True at one event: each event that matches is an edge of its own.

    when:
      event: {of: nps.answered, where: {properties.score: {at_most: 6}}}

`event: nps.answered` is short for `event: {of: nps.answered}`.
"""

from typing import Any, ClassVar

from pydantic import model_validator

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said, parts_of_matchers
from services.rules.core.explaining.words import events
from services.rules.core.fields import EventFilter
from shared.instants import Instant, show_instant
from shared.records import JsonObject


class Event(EventFilter):
    """The filter."""

    impulse: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _short(cls, found: object) -> object:
        return {"of": found} if isinstance(found, str | list) else found

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(EventLeaf(self, len(leaves), setting), leaves)


class EventLeaf(Leaf):
    """True while an event that matches is being taken."""

    impulse = True

    def __init__(self, form: Event, place: int, setting: Setting) -> None:
        self.filter = self.form = form
        self.place = place
        self._where = form.compiled_where(setting.timezone)
        paths = self._where.paths if self._where is not None else ()
        deep = [path.split(".") for path in sorted(paths) if path.startswith("properties.")]
        self._shown = [path[1] for path in deep if len(path) == 2]

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Whether the event of this instant matched the filter."""
        return self.place in view.matched

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The event's name and time, and the properties that `where` looked at, by their last word."""
        event = view.event
        if event is None or self.place not in view.matched:
            return {}
        evidence: JsonObject = {"event": event.name, "occurred_at": show_instant(event.occurred_at or now)}
        if self._shown:
            properties = event.properties
            evidence.update((name, properties.get(name)) for name in self._shown)
        return evidence

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The event of this instant and what `where` says of it; between events there is nothing to say."""
        event = view.event
        if event is None or not self.form.hears(event.name):
            return Said(f"at an event {events(self.form)}; there is none at this instant")
        if self._where is None:
            return Said(f"the event {event.name} with the id {event.id}")
        itself = {"id": event.id, "name": event.name, "source": event.source, "user_id": event.user_id}
        told = self._where.tell({**view.context, "properties": event.properties, "event": itself}, now)
        return Said(f"the event {event.name} with the id {event.id}, where", clauses=parts_of_matchers(told))
