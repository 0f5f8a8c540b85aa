"""Which goals are looked at, and when: at events that one hears, at traits, at every look at the play, at a change of the goal.

Nothing is looked at while no run is watched.
"""

from collections.abc import Iterable, Sequence

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Effects
from services.rules.core.faults import fault
from services.rules.core.state import Document, PlayState, Watch, Watching
from shared.instants import Instant


def bring_goals(plays: Iterable[CompiledPlay], document: Document, view: View, now: Instant) -> None:
    """Before an event is heard that may belong to a time before: what goals decide at boundaries is decided up to `now`."""
    for play in plays:
        if play.goal is not None:
            play.goal.bring(document.plays[play.name], document.metrics, view, now)


def watch(plays: Sequence[CompiledPlay], document: Document, view: View, now: Instant, at: Instant, effects: Effects) -> None:
    """Look at the goals of these plays, as far as the subject is one of theirs."""
    looked = False
    for play in plays:
        state = document.plays.get(play.name)
        if state is not None and state.watching is not None and play.goal is not None:
            try:
                play.goal.look(state, play.name, document.metrics, view, now, at, effects)
            except Exception as error:  # noqa: BLE001 - a fault in a goal stops nothing: neither its play's runs, nor the partition
                effects.decisions.append(fault(play, view, at, error))
            looked = True
    if looked:
        document.settle()


def watch_on(plays: Sequence[CompiledPlay], document: Document, view: View, at: Instant, effects: Effects) -> None:
    """A new set of plays, as of `at`: watched runs go on with the goal that their play has now; another one begins anew."""
    for play in plays:
        state = document.plays.get(play.name)
        if state is not None and state.watching is not None:
            state.watching = _with_goal_of(play, state)
    watch(plays, document, view, at, at, effects)


def _with_goal_of(play: CompiledPlay, state: PlayState) -> Watching | None:
    if play.goal is None or state.watching is None:
        return None
    if state.watching.goal == play.goal.identity:
        return state.watching
    return Watching(goal=play.goal.identity, runs=[Watch(run.run_id, run.opened_at) for run in state.watching.runs])
