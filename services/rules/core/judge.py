"""One play, one subject, one instant: the verdict, what follows from it, and when to look again."""

from collections.abc import Callable, Sequence

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import Verdict, View
from services.rules.core.effects import Decision, Effects
from services.rules.core.fields import EventFilter
from services.rules.core.ids import cause_of, decision_id, run_id, share_of
from services.rules.core.lifecycle import Fall, Open, Refuse, Wait, impulse, level
from services.rules.core.state import Account, Document, PlayState, SubjectKey
from shared.instants import Instant, show_instant
from shared.records import Event, JsonObject, RunOpened, RunResolved

Listening = Callable[[EventFilter], Instant]


class Judgement:
    """The evaluation of a play for a subject at `now`; `at` is what is recorded. Made for one call of `judge`."""

    __slots__ = (
        "account",
        "at",
        "document",
        "effects",
        "event",
        "heard",
        "key",
        "now",
        "paused",
        "paused",
        "play",
        "seen",
        "state",
        "verdicts",
        "view",
    )

    def __init__(
        self,
        play: CompiledPlay,
        account: Account,
        key: SubjectKey,
        document: Document,
        now: Instant,
        at: Instant,
        event: Event | None,
        matched: Sequence[int],
        listening: Listening,
        paused: bool,
        seen: bool,
        effects: Effects,
    ) -> None:
        self.play, self.account, self.key, self.document = play, account, key, document
        self.state: PlayState = document.plays[play.name]
        self.now, self.at, self.event, self.effects = now, at, event, effects
        # Paused plays, and what was true before anybody looked (`seen`), open nothing.
        self.paused, self.seen = paused, seen
        context: dict[str, JsonObject] = {"account": account.traits}
        user_id = key.value if key.kind == "user" else event.user_id if event is not None else None
        if user_id is not None:
            context["user"] = {**account.users.get(user_id, {}), "id": user_id}
        self.view = View(context, document.start, listening, event)
        self.view.matched = matched
        memory = document.metrics
        self.heard = [[memory.get(metric) for metric in keys] for keys in play.metric_keys]

    def judge(self) -> None:
        """Take the verdict, act on it, and set the state's deadline."""
        state, play = self.state, self.play
        state.first_at = None
        condition = self._condition()
        audience = True if play.audience is None else play.audience.verdict(self.view.context, self.now)
        verdict = _both(condition, audience)
        waits: list[Instant] = []
        if play.impulse:
            if verdict:
                self._impulse()
        else:
            outcome = level(state, verdict, play.hold, play.cooldown, self.now, self.at)
            if isinstance(outcome, Open):
                self._open()
            elif isinstance(outcome, Fall):
                self._resolve(self._fell_because(condition))
            elif isinstance(outcome, Refuse):
                self._note(outcome.reason)
                waits += [outcome.again_at] if outcome.again_at is not None else []
            elif isinstance(outcome, Wait):
                waits.append(outcome.until)
            state.spent = state.spent or (self.seen and state.known)
        if state.open_runs and play.resolve is not None and play.resolve(self.verdicts):
            self._resolve("resolved")
        state.deadline = self._next(waits) if play.needs_time else None

    # ------------------------------------------------------------------ the verdict

    def _condition(self) -> Verdict:
        play, own = self.play, self.state.own
        if play.own_memory and len(own) < len(play.leaves):
            own = self.state.own = own + [None] * (len(play.leaves) - len(own))
        verdicts: list[Verdict] = []
        for place, leaf in enumerate(play.leaves):
            mine = own[place] if own else None
            verdict = leaf.verdict(self.heard[place], mine, self.view, self.now)
            verdicts.append(verdict)
            if own:
                own[place] = leaf.decided(self.heard[place], mine, verdict, self.view, self.now)
        self.verdicts = verdicts
        return play.combine(verdicts)

    def _fell_because(self, condition: Verdict) -> str:
        if condition is not False:
            return "left"
        for place in range(self.play.of_condition):
            reason = self.play.leaves[place].fell_because(self.state.own[place] if self.state.own else None)
            if self.verdicts[place] is False and reason != "cleared":
                return reason
        return "cleared"

    def _next(self, waits: list[Instant]) -> Instant | None:
        own = self.state.own
        for place, leaf in enumerate(self.play.leaves):
            change = leaf.next_change(self.heard[place], own[place] if own else None, self.view, self.now)
            if change is not None:
                waits.append(change)
        if self.play.audience is not None:
            change = self.play.audience.next_change(self.view.context, self.now)
            if change is not None:
                waits.append(change)
        return min(waits, default=None)

    def evidence(self) -> JsonObject:
        """The numbers of the clauses that are true, then of the others; of equal names the first."""
        merged: JsonObject = {}
        own = self.state.own
        order = sorted(range(self.play.of_condition), key=lambda place: self.verdicts[place] is not True)
        for place in order:
            found = self.play.leaves[place].evidence(self.heard[place], own[place] if own else None, self.view, self.now)
            for name, value in found.items():
                merged.setdefault(name, value)
        return merged

    # ------------------------------------------------------------------ what follows

    def _impulse(self) -> None:
        event = self.event
        if event is not None and event.received_at - (event.occurred_at or 0) > self.play.form.max_age:
            self._note("stale")
            return
        outcome = impulse(self.state, self.play.cooldown, self.now)
        if isinstance(outcome, Open):
            self._open()
        else:
            self._note(outcome.reason)

    def _open(self) -> None:
        play, state, key = self.play, self.state, self.key
        if self.paused or self.seen:
            self._note("paused" if self.paused else "ignored")
            return
        if share_of("rollout", play.name, self.account.account_id, key.value) >= play.form.rollout:
            self._note("rollout")
            return
        arm = "run"
        if play.form.mode == "shadow":
            arm = "shadow"
        elif share_of("holdout", play.name, self.account.account_id, key.value) < play.form.holdout:
            arm = "holdout"
        state.last_opened = self.at
        opened = self._run(arm)
        if not play.impulse or play.resolve is not None:
            state.open_runs = [*state.open_runs, opened.run_id]
        self.effects.opened.append(opened)
        if arm != "run":
            self._note(arm)

    def _run(self, arm: str) -> RunOpened:
        play, key, context = self.play, self.key, self.view.context
        user = context.get("user")
        return RunOpened(
            run_id=run_id(play.name, self.account.account_id, key.kind, key.value, cause_of(self.event, self.at)),
            play=play.name,
            version=play.version,
            account_id=self.account.account_id,
            subject=key.value,
            user_id=user["id"] if user else None,
            opened_at=self.at,
            arm=arm,
            evidence=self.evidence(),
            title=play.form.title,
            steps=play.form.do,
            on_resolve=play.form.on_resolve,
            account=dict(context["account"]),
            user=user,
            event=None if self.event is None else shown(self.event),
            per=key.kind.partition(":")[0].replace("by", "value"),
        )

    def _resolve(self, reason: str) -> None:
        for open_run in self.state.open_runs:
            self.effects.resolved.append(
                RunResolved(
                    run_id=open_run, account_id=self.account.account_id, play=self.play.name, resolved_at=self.at, reason=reason
                )
            )
        self.state.open_runs = []

    def _note(self, reason: str) -> None:
        play, key = self.play, self.key
        cause = cause_of(self.event, self.at)
        self.effects.decisions.append(
            Decision(
                decision_id=decision_id(play.name, self.account.account_id, key.kind, key.value, cause, reason),
                play=play.name,
                version=play.version,
                account_id=self.account.account_id,
                subject=key.value,
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
