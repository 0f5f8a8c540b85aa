"""An account's `started_at` that became known or changed: what was to begin then, and what counts from then on, moves with it."""

from collections.abc import Callable, Iterable

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import BoundaryLeaf, View
from services.rules.core.fields import EventFilter
from services.rules.core.state import ITSELF, Account, Document, SubjectKey
from shared.instants import Instant
from shared.records import Event

Listening = Callable[[EventFilter], Instant]


def remember_known(plays: Iterable[CompiledPlay], account: Account, event: Event, listening: Listening, before: Instant) -> None:
    """What traits are, for the plays and subjects whose first verdict is to come at `before` or later, where `event` tells them.

    What is imported opens nothing later either. To be called before an event is told, and again after it where it opens nothing.
    """
    told, of_user = frozenset(event.traits or ()), frozenset(event.user_traits or ())
    for play in plays:
        for key, document in account.subjects.items():
            if key.kind != play.kind:
                continue
            first_at = document.plays[play.name].first_at
            if not event.imported and (first_at is None or first_at < before):
                continue
            if told & play.account_traits or (of_user & play.user_traits and key == SubjectKey("user", event.user_id or "")):
                _keep_known(play, document, View(account, key, document.start, listening, None, ()), before)
                account.changed.add(key)


def _keep_known(play: CompiledPlay, document: Document, view: View, now: Instant) -> None:
    state = document.plays[play.name]
    own = list(state.own or play.no_memory)
    for place, leaf in play.remembering:
        if leaf.knows_before:
            own[place] = leaf.decided(document.metrics, own[place], view, now)
    state.own = own


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
                if isinstance(leaf, BoundaryLeaf) and state.own[place] is not None:
                    state.own[place] = leaf.restarted(leaf.decided(document.metrics, state.own[place], then, now), view)
        if play.goal is not None:
            play.goal.restart(state, document.metrics, then, view, now)
