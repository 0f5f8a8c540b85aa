"""The life of an edge: hold, cooldown, run, end. Pure steps on a play's state for one subject.

A level rises when (audience and condition) becomes true, and falls when it becomes false; unknown changes nothing. An impulse is
an edge of its own each time. `at` is the instant that is recorded, `now` the instant of evaluation: a deadline at `at` is
evaluated one microsecond later.
"""

from typing import Literal, NamedTuple

from services.rules.core.state import PlayState
from shared.instants import Instant, Microseconds


class Open(NamedTuple):
    """A run opens."""


class Fall(NamedTuple):
    """The level fell: its open runs resolve."""


class Refuse(NamedTuple):
    """The edge does not become a run now. `again_at`: when a level that is still true is looked at again."""

    reason: Literal["cooldown", "never"]
    again_at: Instant | None


class Wait(NamedTuple):
    """Nothing yet; look again at this deadline."""

    until: Instant


Outcome = Open | Fall | Refuse | Wait | None
OPEN, FALL = Open(), Fall()


def level(
    state: PlayState, verdict: bool | None, hold: Microseconds | None, cooldown: Microseconds | None, now: Instant, at: Instant
) -> Outcome:
    """What a verdict means for a level. Changes `state`.

    `hold` and `cooldown` are strict: an event exactly at the end of either is still inside it. A `cooldown` of None is never.
    """
    if verdict is None:
        return None
    if verdict is False:
        state.known, state.since, state.spent, state.noted = False, None, False, None
        return FALL if state.open_runs else None
    if not state.known:
        state.known, state.since, state.spent, state.noted = True, at, False, None
    if state.spent or state.since is None:
        return None
    if hold is not None and now - state.since <= hold:
        return Wait(state.since + hold)
    refusal = _cooling(state, cooldown, now)
    if refusal is None:
        state.spent = True
        return OPEN
    state.spent = refusal.again_at is None
    if state.noted == refusal.reason and refusal.again_at is not None:
        return Wait(refusal.again_at)
    state.noted = refusal.reason
    return refusal


def impulse(state: PlayState, cooldown: Microseconds | None, now: Instant) -> Open | Refuse:
    """What an impulse that came true means."""
    refusal = _cooling(state, cooldown, now)
    return OPEN if refusal is None else Refuse(refusal.reason, None)


def _cooling(state: PlayState, cooldown: Microseconds | None, now: Instant) -> Refuse | None:
    if state.last_opened is None:
        return None
    if cooldown is None:
        return Refuse("never", None)
    if cooldown and now - state.last_opened <= cooldown:
        return Refuse("cooldown", state.last_opened + cooldown)
    return None
