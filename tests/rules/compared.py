"""Engines side by side, as partitions are: each has accounts of its own, and hears of a day's totals when all have closed it."""

from collections.abc import Callable, Iterable

from services.rules.core.calendar import open_bucket
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.peers.totals import PeerDays, summed
from services.rules.core.state import Account, decode_document, encode_document
from shared.instants import Instant
from shared.records import Applied, Event


class Part:
    """One engine, its accounts, and the days of its peers."""

    def __init__(self, applied: Applied, first: Instant) -> None:
        self.engine = Engine(applied)
        self.accounts: dict[str, Account] = {}
        self.effects = Effects()
        self.days = {
            key: PeerDays(group.calendar, open_bucket(group.calendar, first) - 1) for key, group in self.engine.peers.items()
        }

    def take(self, event: Event) -> None:
        """An event of one of its accounts; the document is written and read back."""
        account_id = event.account_id or ""
        account = self.accounts.setdefault(account_id, Account(account_id, event.received_at, {}))
        self.engine.pass_time(account, event.received_at, self.effects)
        self.engine.take(account, event, self.effects)
        account.subjects = {key: decode_document(encode_document(one)) for key, one in account.subjects.items()}

    def pass_time(self, until: Instant) -> None:
        """All deadlines before `until`."""
        for account in self.accounts.values():
            self.engine.pass_time(account, until, self.effects)

    def tell(self) -> None:
        """Add what its accounts added to the open days."""
        for change in self.effects.peers:
            self.days[change.key].add(change)
        self.effects.peers.clear()


def side_by_side(
    applied: Applied, log: Iterable[Event], until: Instant, partitions: int, place: Callable[[str], int] = len
) -> Effects:
    """What engines decide together; `place` gives an account its partition."""
    events = sorted(log, key=lambda one: one.received_at)
    parts = [Part(applied, events[0].received_at) for _ in range(partitions)]
    [(_, days), *_] = parts[0].days.items()
    pending = list(events)
    while True:
        end = min(days.closes_at, until)
        while pending and pending[0].received_at <= end:
            event = pending.pop(0)
            parts[place(event.account_id or "") % partitions].take(event)
        for part in parts:
            part.pass_time(end + 1)
            part.tell()
        if end == until:
            return together(parts)
        close_all(parts)


def close_all(parts: list[Part]) -> None:
    """Every part closes a day; their sums come back to all of them."""
    for key in parts[0].days:
        totals = summed(part.days[key].close() for part in parts)
        for part in parts:
            part.engine.totals.put(key, part.days[key].closed, totals)


def together(parts: list[Part]) -> Effects:
    """The effects of all parts as one."""
    effects = Effects()
    for part in parts:
        effects.opened += part.effects.opened
        effects.resolved += part.effects.resolved
        effects.decisions += part.effects.decisions
    return effects
