"""One look at one play for one subject: the short way, else a judgement with its faults caught; then its goal.

Every look is at an instant `now` and recorded as `at`. Whoever looks at several plays settles the document afterwards.
"""

from collections.abc import Mapping

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Effects
from services.rules.core.faults import Before, fault, put_back
from services.rules.core.judge import Judgement, unsettled
from services.rules.core.state import Document, PlayState
from services.rules.core.watching import watch
from shared.instants import Instant


def look(
    play: CompiledPlay, document: Document, view: View, now: Instant, at: Instant, effects: Effects, barred: str | None = None
) -> None:
    """Judge one play. `barred` names why no run may open: `ignored` for what was true before anybody looked."""
    state = document.plays[play.name]
    before: Before | None = None
    try:
        leaf, found = play.plain_leaf, None
        if leaf is not None:
            found = unsettled(play, leaf, state, document.metrics, view, now, at, effects)
        if leaf is None or found is not None:
            was: PlayState = state.__copy__()  # type: ignore[attr-defined]  # msgspec's own, twice as fast as through `copy`
            before = (was, len(effects.opened), len(effects.resolved), len(effects.decisions))
            Judgement(play, state, document.metrics, view, now, at, "paused" if play.paused else barred, effects, found).judge()
    except Exception as error:  # noqa: BLE001 - a fault in one play's judgement stops no other play, and not the partition
        put_back(before, state, at, effects)
        effects.decisions.append(fault(play, view, at, error))
    if state.watching is not None:
        watch((play,), document, view, now, at, effects)


def pass_deadlines(plays: Mapping[str, CompiledPlay], document: Document, view: View, until: Instant, effects: Effects) -> bool:
    """Take the subject's deadlines before `until`: each is evaluated one microsecond later, and recorded as itself.

    False: the subject was not heard of for so long that it is to be forgotten.
    """
    while (at := document.next_deadline) is not None and at < until:
        due, earliest = due_at(at, plays, document)
        for play in due:
            look(play, document, view, at + 1, at, effects)
            again_at = document.plays[play.name].deadline
            if again_at is not None and (earliest is None or again_at < earliest):
                earliest = again_at
        document.next_deadline = earliest
        if document.last is not None:
            earliest = document.settle()
        if earliest is not None and earliest <= at:
            if earliest == document.forgotten_at:
                return False
            raise RuntimeError(f"a deadline does not move on: {view.account.account_id} {view.key} at {at}")
    return True


def due_at(at: Instant, plays: Mapping[str, CompiledPlay], document: Document) -> tuple[list[CompiledPlay], Instant | None]:
    """The plays to be looked at, in their own order, and the earliest deadline of the others. Once over all states, no more."""
    due: list[CompiledPlay] = []
    earliest: Instant | None = None
    for name, state in document.plays.items():
        deadline = state.deadline
        if deadline is None:
            continue
        if deadline <= at and name in plays:
            due.append(plays[name])
        elif earliest is None or deadline < earliest:
            earliest = deadline
    if len(due) > 1:
        due.sort(key=_place)
    return due, earliest


def _place(play: CompiledPlay) -> int:
    return play.place
