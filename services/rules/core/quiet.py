"""The short way for what most events are: counted, at a time when no verdict can change by them.

An event is quiet for an account where each play that is interested in its name has had its first verdict and

* decides at boundaries only, and will look at the next one by itself; or
* can only be cleared by such an event, is not true, and has a deadline at which it will find out.

Then nothing is judged and no deadline moves: there is only memory to bring up to date. Each name gets one plain function with
everything bound. Of the benchmark's events that anybody wants two in three end here; what they cost are calls, look-ups and
memory that is not in the processor's cache, so that each of these is worth sparing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from services.rules.core.condition import BoundaryLeaf
from services.rules.core.state import Document
from shared.instants import Instant
from shared.records import Event

# Takes the event if it is quiet; else it changes nothing and answers False.
Quiet = Callable[[Document, Event, Instant], bool]
Observe = Callable[[Any, Event], Any]
# A play by its name, the place of a leaf that decides at boundaries, and the leaf.
Bucketed = tuple[str, int, BoundaryLeaf]


def quietly(bucketed: Sequence[Bucketed], clearing: Sequence[str], observers: Sequence[tuple[str, Observe]]) -> Quiet:
    """The short way of a name whose every interested play is among `bucketed` or `clearing`."""
    keys = [key for key, _ in observers]

    def take(document: Document, event: Event, now: Instant) -> bool:
        states, metrics = document.plays, document.metrics
        for name, place, leaf in bucketed:
            # Late events and the first of a bucket may have to decide something before they are heard.
            if not leaf.opened < now <= leaf.closes or (event.occurred_at or now) < leaf.opened:
                return False
            state = states.get(name)
            if state is None or state.first_at is not None or (deadline := state.deadline) is None:
                return False
            if deadline > leaf.closes and (state.own is None or deadline > leaf.wake(state.own[place])):
                return False
        for name in clearing:
            state = states.get(name)
            if state is None or state.first_at is not None or state.known or state.deadline is None:
                return False
        for key in keys:
            if key not in metrics:
                return False  # what was never heard of before may end an unknown
        for key, observe in observers:
            metrics[key] = observe(metrics[key], event)
        return True

    return take


def counted_quietly(name: str, place: int, leaf: BoundaryLeaf, key: str, observe: Observe) -> Quiet:
    """The same for one play that counts events in buckets, the most frequent of all: `[first bucket, count, count, ...]`."""

    def take(document: Document, event: Event, now: Instant) -> bool:
        closes, occurred_at = leaf.closes, event.occurred_at or now
        if not leaf.opened < now <= closes or not leaf.opened <= occurred_at < closes:
            return False
        state = document.plays.get(name)
        if state is None or state.first_at is not None or (deadline := state.deadline) is None:
            return False
        if deadline > closes and (state.own is None or deadline > leaf.wake(state.own[place])):
            return False
        counts = document.metrics.get(key)
        if counts is None:
            return False
        cell = leaf.bucket - counts[0] + 1
        if cell < len(counts):
            counts[cell] += 1
        else:
            observe(counts, event)
        return True

    return take


def cleared_quietly(name: str, key: str, observe: Observe) -> Quiet:
    """The same for one play that such an event can only clear."""

    def take(document: Document, event: Event, now: Instant) -> bool:
        state = document.plays.get(name)
        if state is None or state.first_at is not None or state.known or state.deadline is None:
            return False
        metrics = document.metrics
        memory = metrics.get(key)
        if memory is None:
            return False
        metrics[key] = observe(memory, event)
        return True

    return take
