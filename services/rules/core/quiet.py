"""The short way for what most events are: counted, at a time when no verdict can change by them.

An event is quiet for an account where each play that is interested in its name has had its first verdict and

* decides at boundaries only: what it remembers is brought up to date, and it is looked at again at the next one; or
* can only be cleared by such an event, is not true, and has a deadline at which it will find out; or
* has filters that do not let the event through.

Then nothing is judged: there is only memory to bring up to date. Each name gets one plain function with
everything bound. Of the benchmark's events that anybody wants four in five end here; what they cost are calls, look-ups and
memory that is not in the processor's cache, so that each of these is worth sparing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from services.rules.core.condition import VERDICT, BoundaryLeaf
from services.rules.core.faults import Unheard
from services.rules.core.state import Document, PlayState
from shared.instants import Instant, Microseconds
from shared.records import Event

# Takes the event if it is quiet; else it changes nothing and answers False.
Quiet = Callable[[Document, Event, Instant], bool]
Observe = Callable[[Any, Event], Any]
Where = Callable[[dict[str, Any], Instant], bool | None]
# A play by its name, the place of a leaf that decides at boundaries, and the leaf.
Bucketed = tuple[str, int, BoundaryLeaf]


def wake(document: Document, state: PlayState, place: int, leaf: BoundaryLeaf, occurred_at: Instant) -> None:
    """What was heard can only count at a later boundary: see to it that the play is looked at there."""
    own = state.own[place] if state.own else None
    at = leaf.wake(own, occurred_at)
    if (state.deadline is None or at < state.deadline) and leaf.may_differ(document.metrics, own):
        state.deadline = at
        if document.next_deadline is None or at < document.next_deadline:
            document.next_deadline = at


def quietly(bucketed: Sequence[Bucketed], clearing: Sequence[str], observers: Sequence[tuple[str, Observe]]) -> Quiet:
    """The short way of a name whose every interested play is among `bucketed` or `clearing`."""
    keys = [key for key, _ in observers]

    def take(document: Document, event: Event, now: Instant) -> bool:
        states, metrics = document.plays, document.metrics
        for name, _, leaf in bucketed:
            # Late events and the first of a bucket may have to decide something before they are heard.
            if not leaf.opened < now <= leaf.closes or (event.occurred_at or now) < leaf.opened:
                return False
            state = states.get(name)
            if state is None or state.first_at is not None:
                return False
        for name in clearing:
            state = states.get(name)
            if state is None or state.first_at is not None or state.known or state.deadline is None:
                return False
        for key in keys:
            if key not in metrics:
                return False  # what was never heard of before may end an unknown
        heard = 0
        try:
            for key, observe in observers:
                metrics[key] = observe(metrics[key], event)
                heard += 1
            for name, place, leaf in bucketed:
                wake(document, states[name], place, leaf, event.occurred_at or now)
        except Exception as error:
            raise Unheard(heard) from error
        return True

    return take


def counted_quietly(name: str, place: int, leaf: BoundaryLeaf, key: str, count: Callable[[list[int], int], None]) -> Quiet:
    """The same for one play that counts events in buckets, the most frequent of all: `[first bucket, count, count, ...]`."""

    def take(document: Document, event: Event, now: Instant) -> bool:
        closes, occurred_at = leaf.closes, event.occurred_at or now
        if not leaf.opened < now <= closes or not leaf.opened <= occurred_at < closes:
            return False
        state = document.plays.get(name)
        if state is None or state.first_at is not None:
            return False
        counts = document.metrics.get(key)
        if counts is None:
            return False
        cell = leaf.bucket - counts[0] + 1
        if cell >= len(counts):
            count(counts, leaf.bucket)
        elif cell > 0:
            counts[cell] += 1
        else:
            return False
        deadline = state.deadline
        if deadline is None:
            if state.known or sum(counts) - counts[0] >= leaf.enough:
                wake(document, state, place, leaf, occurred_at)
        elif deadline > (closes if state.known else leaf.tells):
            own = state.own
            # What is unknown for want of history stays so up to a day that no event moves.
            if own is None or own[place][VERDICT] is not None:
                wake(document, state, place, leaf, occurred_at)
        return True

    return take


def cleared_quietly(name: str, key: str, observe: Observe, lasts: Microseconds | None) -> Quiet:
    """The same for one play that such an event can only clear; for `lasts` since the newest it stays so.

    A deadline that is near is put off at once, which is cheaper than to find out when it passes.
    """

    def take(document: Document, event: Event, now: Instant) -> bool:
        state = document.plays.get(name)
        if state is None or state.first_at is not None or state.known or state.deadline is None:
            return False
        metrics = document.metrics
        memory = metrics.get(key)
        if memory is None:
            return False
        try:
            metrics[key] = memory = observe(memory, event)
        except Exception as error:
            raise Unheard(0) from error
        if lasts is not None and state.deadline - now < lasts // 2:
            state.deadline = memory + lasts
            document.settle()
        return True

    return take


def unmatched_quietly(names: Sequence[str], wheres: Sequence[Where | None]) -> Quiet:
    """The same where every filter has a `where` that looks at nothing but properties: what none lets through is heard by none."""
    filters = [where for where in wheres if where is not None]

    def take(document: Document, event: Event, now: Instant) -> bool:
        states = document.plays
        for name in names:
            state = states.get(name)
            if state is None or state.first_at is not None:
                return False
        context = {"properties": event.properties}
        for where in filters:  # noqa: SIM110 - a generator costs more than the loop
            if where(context, now) is True:
                return False
        return True

    return take
