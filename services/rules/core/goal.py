"""A play's goal: what a run is meant to bring about, watched from its opening on until it is reached or the time is over.

    goal: {when: {count: {of: report.exported, over: 7d, at_least: 15}}, within: 21d}

Every run is watched, whatever its arm, also after it resolved: the share of the runs that reach the goal, against that of those
held out, is what the play is worth. The goal is reached at the first instant from `opened_at` up to `opened_at + within` at which
`when` is true for the subject, else missed there; unknown is not reached. What is watched changes nothing for the runs.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Self

import msgspec
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import BoundaryLeaf, Combine, ConditionField, Leaf, Metrics, Setting, View
from services.rules.core.effects import Effects
from services.rules.core.fields import Duration, Form
from services.rules.core.metrics.contract import Metric
from services.rules.core.state import PlayState, Watch, Watching
from shared.instants import Instant
from shared.records import JsonObject, RunGoal


class Goal(Form):
    """A level, and how long after its opening a run may take to reach it."""

    when: ConditionField
    within: Duration

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.when.impulse:
            raise PydanticCustomError("goal_impulse", "a goal is a level: to wait for one event, count it, at_least 1")
        return self


class CompiledGoal:
    """A goal made ready. Its leaves are its own: a play's edges do not depend on its goal."""

    def __init__(self, form: Goal, document: JsonObject, setting: Setting) -> None:
        self.within = form.within
        self.leaves: list[Leaf] = []
        self.combine: Combine = form.when.grow(setting, self.leaves)
        self.metrics: list[Metric] = [metric for leaf in self.leaves for metric in leaf.metrics]
        self.remembering = [(place, leaf) for place, leaf in enumerate(self.leaves) if leaf.remembers]
        # Memory of another condition is no memory of this one.
        self.identity = blake2b(msgspec.json.encode(document["when"], order="sorted"), digest_size=6).hexdigest()
        paths = [path for leaf in self.leaves for path in leaf.paths]
        self.account_traits = frozenset(path.split(".")[1] for path in paths if path.startswith("account."))

    def begin(self, state: PlayState, run_id: str, opened_at: Instant) -> None:
        """Watch a run from its opening on; whoever calls looks at that instant."""
        before = state.watching.runs if state.watching is not None else []
        state.watching = Watching(goal=self.identity, runs=[*before, Watch(run_id, opened_at)])

    def look(
        self, state: PlayState, play: str, metrics: Metrics, view: View, now: Instant, at: Instant, effects: Effects
    ) -> None:
        """Whether the goal is reached at `now` (recorded as `at`), and when to look again: `state.deadline` is early enough."""
        watching = state.watching
        if watching is None:
            return  # the most usual case by far
        going_on: list[Watch] = []
        ended: list[RunGoal] = []
        earliest: Instant | None = None
        shared = None if self.remembering else self._verdict(watching.runs[0], metrics, view, now)
        for watch in watching.runs:
            until = watch.opened_at + self.within
            verdict = self._verdict(watch, metrics, view, now) if self.remembering else shared
            if (verdict is True and at <= until) or now > until:
                outcome = "reached" if verdict is True and at <= until else "missed"
                account_id = view.account.account_id
                ended.append(RunGoal(run_id=watch.run_id, account_id=account_id, play=play, at=at, outcome=outcome))
                continue
            going_on.append(watch)
            earliest = until if earliest is None or until < earliest else earliest
            if self.remembering or len(going_on) == 1:
                earliest = self._next(watch, metrics, view, now, earliest)
        effects.goals += ended
        state.watching = Watching(goal=self.identity, runs=going_on) if going_on else None
        if earliest is not None and (state.deadline is None or earliest < state.deadline):
            state.deadline = earliest

    def bring(self, state: PlayState, metrics: Metrics, view: View, now: Instant) -> None:
        """What is decided at boundaries is decided up to `now`, before an event is heard that may belong before it."""
        for watch in state.watching.runs if state.watching is not None else ():
            self._bring(watch, metrics, view, now)

    def restart(self, state: PlayState, metrics: Metrics, then: View, view: View, now: Instant) -> None:
        """The subject has another start: what was decided with that of before (`then`) stands until the next boundary."""
        self.bring(state, metrics, then, now)
        for watch in state.watching.runs if state.watching is not None else ():
            for place, leaf in self.remembering:
                if watch.own is not None and isinstance(leaf, BoundaryLeaf):
                    watch.own[place] = leaf.restarted(watch.own[place], view)

    def _bring(self, watch: Watch, metrics: Metrics, view: View, now: Instant) -> Sequence[object]:
        if not self.remembering:
            return (None,) * len(self.leaves)
        if watch.own is None:
            watch.own = [None] * len(self.leaves)
        for place, leaf in self.remembering:
            watch.own[place] = leaf.decided(metrics, watch.own[place], view, now)
        return watch.own

    def _verdict(self, watch: Watch, metrics: Metrics, view: View, now: Instant) -> bool | None:
        own = self._bring(watch, metrics, view, now)
        return self.combine([leaf.verdict(metrics, mine, view, now) for leaf, mine in zip(self.leaves, own, strict=True)])

    def _next(self, watch: Watch, metrics: Metrics, view: View, now: Instant, earliest: Instant) -> Instant:
        own = watch.own or [None] * len(self.leaves)
        for leaf, mine in zip(self.leaves, own, strict=True):
            change = leaf.next_change(metrics, mine, view, now)
            earliest = change if change is not None and change < earliest else earliest
        return earliest
