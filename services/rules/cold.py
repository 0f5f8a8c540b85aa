"""The engine for accounts that are there when plays are applied: the plays begin without memory of what was before."""

from collections.abc import Sequence

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from shared.instants import Instant
from shared.records import Applied, Event


class ColdEngine(Engine):
    """What an account did before the plays were applied is not looked at: they see it from its next event on."""

    def warm_names(self, before: Applied) -> frozenset[str]:
        """No event of the history is needed."""
        return frozenset()

    def warm(self, account: Account, history: Sequence[Event], at: Instant, effects: Effects) -> None:
        """Nothing is to be brought."""
