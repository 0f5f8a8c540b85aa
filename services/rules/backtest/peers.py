"""The totals of peers over a whole history: found by a first pass, so that the second, account by account, has them at hand.

What an account adds to the totals depends on its own events and traits alone, never on what its peers did; so the first pass
needs no totals itself. An account that ends is nobody's peer from there on.
"""

from collections.abc import Iterable, Mapping

from services.rules.backtest.accounts import AccountRow
from services.rules.backtest.history import History
from services.rules.backtest.replay import Span, replay
from services.rules.core.calendar import open_bucket
from services.rules.core.effects import PeerChange
from services.rules.core.engine import Engine
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.peers.totals import PeerDays, Totals
from shared.records import Applied


def find_totals(engine: Engine, history: History, rows: Mapping[str, AccountRow], span: Span) -> None:
    """Fill the totals of an engine's peers, if it has any, up to the end of the span."""
    if not engine.peers:
        return
    with_peers = {play.name for play in engine.plays if play.peers}
    plays = [play for play in engine.applied.plays if play.play in with_peers]
    first = Engine(Applied(plays=plays, listening=engine.applied.listening, listening_since=engine.applied.listening_since))
    first.totals.only_counting = True
    changes = (change for past in replay(first, history, rows, span) for change in past.peers)
    sum_up(engine.totals, engine.peers, changes, span)


def sum_up(totals: Totals, peers: Mapping[str, PeerGroup], changes: Iterable[PeerChange], span: Span) -> None:
    """The totals of each day of the span, from what accounts added in any order."""
    days = {key: PeerDays(group.calendar, open_bucket(group.calendar, span.first) - 1) for key, group in peers.items()}
    for change in changes:
        days[change.key].add(change)
    for key, open_days in days.items():
        while open_days.closes_at <= span.until:
            groups = open_days.close()
            totals.put(key, open_days.closed, groups)
