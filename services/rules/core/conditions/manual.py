"""True when a person or another system starts it, by the command line or the API, with a key that makes it happen once.

    when:
      manual: {}

A start is an event of its own, `play.started` with `properties.play`; its id is the key. `properties.by` says who started it.
"""

from typing import Any, ClassVar

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, View, single
from services.rules.core.conditions.event import Event, EventLeaf
from services.rules.core.fields import Form
from shared.instants import Instant
from shared.records import JsonObject

STARTED = "play.started"


class Manual(Form):
    """Nothing to say."""

    impulse: ClassVar[bool] = True

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """The leaf of the event that starts this play."""
        started = Event.model_validate({"of": STARTED, "where": {"properties.play": setting.play}})
        return single(ManualLeaf(started, len(leaves), setting), leaves)


class ManualLeaf(EventLeaf):
    """True while the start of its play is being taken."""

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`start`: the key; `started_by`, where it is known."""
        event = view.event
        if event is None or self.place not in view.matched:
            return {}
        by = event.properties.get("by")
        return {"start": event.id} | ({} if by is None else {"started_by": by})
