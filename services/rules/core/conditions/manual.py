"""True when a person or another system starts it, by the command line or the API, with a key that makes it happen once.

    when:
      manual: {}

A start is an event of its own, `play.started` with `properties.play`; its id is the key.
"""

from typing import ClassVar

from services.rules.core.condition import Combine, Leaf, Setting
from services.rules.core.conditions.event import Event
from services.rules.core.fields import Form

STARTED = "play.started"


class Manual(Form):
    """Nothing to say."""

    impulse: ClassVar[bool] = True

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """The leaf of the event that starts this play."""
        return Event.model_validate({"of": STARTED, "where": {"properties.play": setting.play}}).grow(setting, leaves)
