"""Which fields a play's audience asks for that accounts do not have: such an audience is unknown, and fires nothing."""

from collections import Counter
from collections.abc import Mapping

from services.rules.core.play import Play
from services.rules.core.state import Account
from shared.instants import Instant
from shared.matchers import compile_matchers


class Lacking:
    """Counts accounts by the missing field. Fields of users are not looked at."""

    def __init__(self, play: Play) -> None:
        self._audience = compile_matchers(play.audience, play.timezone) if play.audience else None
        self._counts: Counter[str] = Counter()

    def look(self, account: Account, at: Instant) -> None:
        """Look at one account's traits as they are at the end of its time."""
        if self._audience is not None:
            paths = self._audience.unknown_paths({"account": account.traits}, at)
            self._counts.update(path for path in paths if path.startswith("account."))

    def found(self) -> Mapping[str, int]:
        """How many accounts lack each field, the most often missing first."""
        return dict(sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0])))
