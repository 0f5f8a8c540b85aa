"""The one engine: events and the passing of time against the plays, for one account at a time.

Live, after a crash, in a test and in a backtest this is the code that decides. It is given everything it needs and asks for nothing.

    engine = Engine(applied)                      the plays of an Applied record
    touch = engine.touches(event)                 which subjects must be loaded before the event is taken
    engine.take(account, event, effects)          an event, at event.received_at
    engine.pass_time(account, until, effects)     every deadline of the loaded subjects that is earlier than `until`

An event that creates its account is taken with a new `Account(event.account_id, event.received_at, {})`.
"""

from services.rules.core.effects import Effects
from services.rules.core.state import Account, SubjectKey
from shared.instants import Instant
from shared.records import Applied, Event


class Touch:
    """The subjects that an event concerns: those in `keys`, or with `all` every one that the account has."""

    __slots__ = ("all", "keys")

    def __init__(self, keys: tuple[SubjectKey, ...], all: bool) -> None:
        self.keys = keys
        self.all = all


class Engine:
    """Compiled plays. It holds no state of any account and may be used for any number of them."""

    def __init__(self, applied: Applied, paused: frozenset[str] = frozenset()) -> None:
        self.applied = applied
        self.paused = paused

    def touches(self, event: Event) -> Touch:
        """Which subjects must be loaded (where they exist) before `take`."""
        return Touch((SubjectKey("account", event.account_id or ""),), all=False)

    def take(self, account: Account, event: Event, effects: Effects) -> None:
        """Take one event at `event.received_at`; the deadlines of the touched subjects before it are taken first."""

    def pass_time(self, account: Account, until: Instant, effects: Effects) -> None:
        """Take all deadlines earlier than `until` of the account's loaded subjects, in order for each subject."""
