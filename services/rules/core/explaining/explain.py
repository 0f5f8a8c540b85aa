"""Why a play did, or did not, fire for a subject: its verdict, clause by clause.

Pure, and only asked for by people: deciding costs nothing for it. The state is given as it was left by the last judgement, the
metrics as they are; nothing of them is changed. `standing.py` says what follows from the verdict.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import Combination, ConditionForm, Leaf, Metrics, Setting, Verdict, View, kind_of
from services.rules.core.explaining.clauses import Clause, lacking_in, of_matchers
from services.rules.core.faults import place_of
from services.rules.core.state import PlayState
from shared.instants import Instant

_COMBINED = {"all": "all of these", "any": "one of these", "not": "not this"}


class Explained(msgspec.Struct, kw_only=True):
    """The verdict of (audience and condition) at an instant, with its clauses. `lacking`: the fields that make it unknown."""

    verdict: Verdict
    condition: Clause
    audience: Clause | None
    resolve_when: Clause | None
    lacking: tuple[str, ...]


def explain(play: CompiledPlay, state: PlayState, metrics: Metrics, view: View, now: Instant) -> Explained:
    """The verdict at `now`. With an event in the view, `state` is as it was before that event, and `metrics` are as after it."""
    telling = _Telling(play, state, metrics, view, now)
    condition = telling.clause(play.form.when, 0)
    audience = None if play.audience is None else of_matchers(play.audience.tell(view.context, now))
    resolve = play.form.resolve_when
    clauses = [condition] if audience is None else [audience, condition]
    verdicts = [clause.verdict for clause in clauses]
    verdict = False if False in verdicts else None if None in verdicts else True
    lacking = {field for clause in clauses for field in lacking_in(clause)} if verdict is None else set()
    return Explained(
        verdict=verdict,
        condition=condition,
        audience=audience,
        resolve_when=None if resolve is None else telling.clause(resolve, play.of_condition),
        lacking=tuple(sorted(lacking)),
    )


class _Telling:
    """The leaves of one play with their verdicts, and the tree above them."""

    def __init__(self, play: CompiledPlay, state: PlayState, metrics: Metrics, view: View, now: Instant) -> None:
        self.play = play
        self.metrics = metrics
        self.view = view
        self.now = now
        resolve = play.form.resolve_when
        kinds = _kinds_of([play.form.when] if resolve is None else [play.form.when, resolve])
        own: Sequence[Any] = state.own or play.no_memory
        self.leaves = [self._leaf(*one) for one in zip(kinds, play.leaves, own, strict=True)]

    def clause(self, form: ConditionForm, first: int) -> Clause:
        """The clause of a condition whose leaves begin at `first`."""
        if not isinstance(form, Combination):
            return self.leaves[first]
        clauses: list[Clause] = []
        place = first
        for part in form.parts:
            clauses.append(self.clause(part, place))
            place += len(_kinds_of([part]))
        kind = kind_of(form)
        return Clause(kind=kind, verdict=self._combined(form, first), words=_COMBINED.get(kind, kind), clauses=tuple(clauses))

    def _combined(self, form: ConditionForm, first: int) -> Verdict:
        """What the form itself makes of its leaves: it is grown once more, at the same places."""
        combine = form.grow(Setting(self.play.name, self.play.form.timezone), list(self.play.leaves[:first]))
        return combine([leaf.verdict for leaf in self.leaves])

    def _leaf(self, kind: str, leaf: Leaf, own: Any) -> Clause:
        try:
            if leaf.remembers:
                own = leaf.decided(self.metrics, own, self.view, self.now)
            verdict = leaf.verdict(self.metrics, own, self.view, self.now)
            said = leaf.says(self.metrics, own, self.view, self.now)
            evidence = leaf.evidence(self.metrics, own, self.view, self.now)
        except Exception as error:  # noqa: BLE001 - a fault of ours is what people ask about: it is the answer, and not its end
            what = {"error": type(error).__name__, "place": place_of(error)}
            return Clause(kind=kind, verdict=None, words=f"a fault of ours: {what['error']} in {what['place']}", evidence=what)
        # An impulse that lacks its anchor is never unknown: it never comes.
        lacking = said.lacking if verdict is None or leaf.impulse else ()
        return Clause(kind=kind, verdict=verdict, words=said.words, evidence=evidence, lacking=lacking, clauses=said.clauses)


def _kinds_of(forms: Sequence[ConditionForm]) -> list[str]:
    """The kind of each leaf that the forms grow, in the order in which they grow."""
    kinds: list[str] = []
    for form in forms:
        kinds += _kinds_of(form.parts) if isinstance(form, Combination) else [kind_of(form)]
    return kinds
