"""One play, one subject, one instant: the verdict, what follows from it, and when to look again."""

from collections.abc import Sequence
from typing import Any

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import Leaf, Metrics, Verdict, View
from services.rules.core.effects import Decision, Effects
from services.rules.core.ids import cause_of, decision_id, run_id, share_of
from services.rules.core.lifecycle import Fall, Open, Refuse, Wait, impulse, level
from services.rules.core.state import PlayState
from shared.instants import Instant, show_instant
from shared.records import Event, JsonObject, RunOpened, RunResolved

# What the one leaf of a play says, and when it will say something else.
Found = tuple[Verdict, Instant | None]


def unsettled(
    play: CompiledPlay,
    leaf: Leaf,
    state: PlayState,
    metrics: Metrics,
    view: View,
    now: Instant,
    at: Instant,
    effects: Effects,
) -> Found | None:
    """The short way for what happens most: one level, and it is what it was, or it fell. Else what was found: it must be judged.

    Of ten looks eight end here; what they cost are calls and objects, so that it makes few. What is false needs no audience.
    """
    own = None
    if leaf.remembers:
        own = leaf.decided(metrics, state.own[0] if state.own else None, view, now)
        state.own = [own]
    verdict, change = leaf.outlook(metrics, own, view, now)
    if verdict is False:
        if state.known:
            reason = leaf.fell_because(own)
            state.known, state.since, state.spent, state.noted = False, None, False, None
            if state.open_runs:
                resolve(play, state, view, at, reason, effects)
    elif play.audience is not None or (not (state.known and state.spent) if verdict else state.known):
        return verdict, change
    state.first_at = None
    state.deadline = change
    return None


def resolve(play: CompiledPlay, state: PlayState, view: View, at: Instant, reason: str, effects: Effects) -> None:
    """End the open runs."""
    account_id = view.account.account_id
    for open_run in state.open_runs:
        effects.resolved.append(
            RunResolved(run_id=open_run, account_id=account_id, play=play.name, resolved_at=at, reason=reason)
        )
    state.open_runs = ()


class Judgement:
    """The evaluation of a play for a subject at `now`; `at` is what is recorded. Made for one call of `judge`.

    `barred` names why no run may open now: `paused`, or `ignored` for what was true before anybody looked. `found` is what the
    short way asked the only leaf already.
    """

    __slots__ = ("at", "barred", "effects", "found", "metrics", "now", "own", "play", "state", "verdicts", "view")

    def __init__(
        self,
        play: CompiledPlay,
        state: PlayState,
        metrics: Metrics,
        view: View,
        now: Instant,
        at: Instant,
        barred: str | None,
        effects: Effects,
        found: Found | None,
    ) -> None:
        self.play = play
        self.state = state
        self.metrics = metrics
        self.view = view
        self.now = now
        self.at = at
        self.barred = barred
        self.effects = effects
        self.found = found
        self.verdicts: list[Verdict] = []
        self.own: Sequence[Any] = ()

    def judge(self) -> None:
        """Take the verdict, act on it, and set the state's deadline."""
        state, play = self.state, self.play
        state.first_at = None
        condition = self._condition()
        audience = True if play.audience is None else play.audience.verdict(self.view.context, self.now)
        for peers in play.peers:
            peers.settle(self.metrics, audience, self.view.context, self.at, self.effects)
        wait: Instant | None = None
        if play.impulse:
            if condition and audience:
                self._impulse()
        else:
            wait = self._level(condition, _both(condition, audience))
        if state.open_runs and play.resolve is not None and play.resolve(self.verdicts):
            self._resolve("resolved")
        state.deadline = self._next(wait) if play.needs_time else None

    # ------------------------------------------------------------------ the verdict

    def _condition(self) -> Verdict:
        play, view, now, metrics = self.play, self.view, self.now, self.metrics
        own: Sequence[Any] = self.state.own or play.no_memory
        if self.found is not None:
            self.own, self.verdicts = own, [self.found[0]]
            return self.found[0]
        if play.remembering:
            own = self.state.own = list(own)
            for place, leaf in play.remembering:
                own[place] = leaf.decided(metrics, own[place], view, now)
        self.own = own
        if play.only_leaf is not None:
            self.verdicts = [play.only_leaf.verdict(metrics, own[0], view, now)]
            return play.combine(self.verdicts)
        self.verdicts = [leaf.verdict(metrics, mine, view, now) for leaf, mine in zip(play.leaves, own, strict=True)]
        return play.combine(self.verdicts)

    def _level(self, condition: Verdict, verdict: Verdict) -> Instant | None:
        """Act on a level's verdict; the deadline at which it is looked at again for its own sake."""
        play, state = self.play, self.state
        wait: Instant | None = None
        outcome = level(state, verdict, play.hold, play.cooldown, self.now, self.at)
        if outcome is None:
            pass
        elif isinstance(outcome, Open):
            self._open()
        elif isinstance(outcome, Fall):
            self._resolve(self._fell_because(condition))
        elif isinstance(outcome, Wait):
            wait = outcome.until
        elif isinstance(outcome, Refuse):
            self._note(outcome.reason)
            wait = outcome.again_at
        if self.barred == "ignored" and state.known and not state.spent:
            # A hold or a cooldown is running: this rise is over all the same.
            self._note(self.barred)
            state.spent, wait = True, None
        return wait

    def _fell_because(self, condition: Verdict) -> str:
        if condition is not False:
            return "left"
        for place in range(self.play.of_condition):
            reason = self.play.leaves[place].fell_because(self.own[place])
            if self.verdicts[place] is False and reason != "cleared":
                return reason
        return "cleared"

    def _next(self, earliest: Instant | None) -> Instant | None:
        play, view, now, metrics = self.play, self.view, self.now, self.metrics
        for place, leaf in enumerate(play.leaves):
            change = leaf.next_change(metrics, self.own[place], view, now) if self.found is None else self.found[1]
            if change is not None and (earliest is None or change < earliest):
                earliest = change
        if play.audience is not None:
            change = play.audience.next_change(view.context, now)
            if change is not None and (earliest is None or change < earliest):
                earliest = change
        return earliest

    def evidence(self) -> JsonObject:
        """The numbers of the clauses that are true, then of the others; of equal names the first."""
        if self.play.only_leaf is not None:
            return self.play.only_leaf.evidence(self.metrics, self.own[0], self.view, self.now)
        merged: JsonObject = {}
        places: Sequence[int] = range(self.play.of_condition)
        if len(places) > 1:
            places = sorted(places, key=lambda place: self.verdicts[place] is not True)
        for place in places:
            found = self.play.leaves[place].evidence(self.metrics, self.own[place], self.view, self.now)
            for name, value in found.items():
                merged.setdefault(name, value)
        return merged

    # ------------------------------------------------------------------ what follows

    def _impulse(self) -> None:
        event = self.view.event
        if event is not None and event.received_at - (event.occurred_at or 0) > self.play.form.max_age:
            self._note("stale")
            return
        outcome = impulse(self.state, self.play.cooldown, self.now)
        if isinstance(outcome, Open):
            self._open()
        else:
            self._note(outcome.reason)

    def _open(self) -> None:
        play, state, account_id, subject = self.play, self.state, self.view.account.account_id, self.view.subject
        if self.barred is not None:
            self._note(self.barred)
            return
        if play.rollout < 1 and share_of("rollout", play.name, account_id, subject) >= play.rollout:
            self._note("rollout")
            return
        arm = "run"
        if play.form.mode == "shadow":
            arm = "shadow"
        elif play.holdout and share_of("holdout", play.name, account_id, subject) < play.holdout:
            arm = "holdout"
        state.last_opened = self.at
        opened = self._run(arm)
        if not play.impulse or play.resolve is not None:
            state.open_runs = (*state.open_runs, opened.run_id)
        if play.goal is not None:
            play.goal.begin(state, opened.run_id, self.at)
        self.effects.opened.append(opened)
        if arm != "run":
            self._note(arm)

    def _run(self, arm: str) -> RunOpened:
        play, view, key, event, form = self.play, self.view, self.view.key, self.view.event, self.play.form
        account_id, subject, user_id = view.account.account_id, view.subject, view.user_id
        return RunOpened(
            run_id=run_id(play.name, account_id, key.kind, subject, cause_of(event, self.at)),
            play=play.name,
            version=play.version,
            account_id=account_id,
            subject=subject,
            user_id=user_id,
            opened_at=self.at,
            arm=arm,
            evidence=self.evidence(),
            title=form.title,
            steps=form.do,
            on_resolve=form.on_resolve,
            account=view.account.traits.copy(),
            user=None if user_id is None else view.context["user"],
            event=None if event is None else shown(event),
            per="value" if key.kind.startswith("by:") else key.kind,
            guard=play.guard,
        )

    def _resolve(self, reason: str) -> None:
        resolve(self.play, self.state, self.view, self.at, reason, self.effects)

    def _note(self, reason: str) -> None:
        play, key, subject = self.play, self.view.key, self.view.subject
        cause = cause_of(self.view.event, self.at)
        self.effects.decisions.append(
            Decision(
                decision_id=decision_id(play.name, self.view.account.account_id, key.kind, subject, cause, reason),
                play=play.name,
                version=play.version,
                account_id=self.view.account.account_id,
                subject=subject,
                at=self.at,
                reason=reason,
                detail={"evidence": self.evidence()},
            )
        )


def _both(condition: Verdict, audience: Verdict) -> Verdict:
    """Kleene's conjunction of the two."""
    if condition is False or audience is False:
        return False
    return None if condition is None or audience is None else True


def shown(event: Event) -> JsonObject:
    """An event as templates see it."""
    return {
        "id": event.id,
        "name": event.name,
        "source": event.source,
        "user_id": event.user_id,
        "occurred_at": show_instant(event.occurred_at or event.received_at),
        "received_at": show_instant(event.received_at),
        "properties": event.properties,
    }
