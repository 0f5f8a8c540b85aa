"""An account's `started_at` that became known or changed: what was to begin then, and what counts from then on, moves with it."""

from collections.abc import Callable, Iterable

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import BoundaryLeaf, View
from services.rules.core.fields import EventFilter
from services.rules.core.state import ITSELF, Account, Document
from shared.instants import Instant

Listening = Callable[[EventFilter], Instant]


def restart(account: Account, plays: Iterable[CompiledPlay], listening: Listening, started: Instant | None, now: Instant) -> None:
    """The account's own document gets its new start, and first verdicts still to come move. `plays`: those per account."""
    document = account.subjects.get(ITSELF)
    if document is not None:
        before, document.start = document.start, account.first_seen_at if started is None else started
        then = View(account, ITSELF, before, listening, None, ())
        _decide_again(plays, document, then, View(account, ITSELF, document.start, listening, None, ()), now)
    for key, one in account.subjects.items():
        for state in one.plays.values():
            if state.first_at is not None:
                state.first_at = max(started or now, now)
                state.deadline = None if state.deadline is None else state.first_at
        one.settle()
        account.changed.add(key)


def _decide_again(plays: Iterable[CompiledPlay], document: Document, then: View, view: View, now: Instant) -> None:
    """What was decided with the start of before stands until the next boundary."""
    for play in plays:
        state = document.plays[play.name]
        if state.own:
            for place, leaf in play.remembering:
                if isinstance(leaf, BoundaryLeaf):
                    state.own[place] = leaf.restarted(leaf.decided(document.metrics, state.own[place], then, now), view)
        if play.goal is not None:
            play.goal.restart(state, document.metrics, then, view, now)
