"""Bringing an account that exists to a new set of plays, as of the record that applied them.

State belongs to a play's name and what makes it what it is (per, audience, condition, hold). Where that is unchanged everything
is kept; where it changed the play begins anew: open runs end as `edited`, memory is filled from history, and what is true at the
record counts as already seen (`on_activate: ignore`) or opens a run (`run`). A play that is gone ends its runs as `archived`;
`was:` carries a name over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Effects
from services.rules.core.looking import look
from services.rules.core.metrics.contract import Metric
from services.rules.core.routes import Route, value_of
from services.rules.core.state import Account, Document, PlayState, SubjectKey
from shared.instants import Instant
from shared.records import Event, RunResolved

Hits = Callable[[Account, Route, Event, Instant], list[bool]]


def new_metrics(plays: Iterable[CompiledPlay], before: Iterable[CompiledPlay]) -> dict[tuple[str, str], Metric]:
    """The metrics, by kind of subject and key, that no play had before."""
    return {key: metric for key, metric in _metrics(plays).items() if key not in _metrics(before)}


def _metrics(plays: Iterable[CompiledPlay]) -> dict[tuple[str, str], Metric]:
    return {(play.kind, metric.key): metric for play in plays for metric in play.metrics}


def names_of(metrics: Iterable[Metric]) -> frozenset[str] | None:
    """The event names that these metrics hear; None when a pattern among them may be any name."""
    names = [name for metric in metrics for name in metric.filter.of]
    return None if any(name == "any" or name.endswith(".*") for name in names) else frozenset(names)


def carry_over(
    account: Account, key: SubjectKey, document: Document, plays: Mapping[str, CompiledPlay], at: Instant, effects: Effects
) -> list[CompiledPlay]:
    """Keep, rename, end or renew the states of a subject. `plays` are all that are active; those that begin anew are returned."""
    # A name is carried over once: who has a state of its own has had it.
    heirs = {play.was: play.name for play in plays.values() if play.was is not None and play.name not in document.plays}
    kept: dict[str, PlayState] = {}
    for name, state in document.plays.items():
        play = plays.get(name) or plays.get(heirs.get(name, ""))
        if play is not None and play.kind == key.kind and play.identity == state.identity:
            kept[play.name] = state
        else:
            _end(account, name, state, "archived" if play is None else "edited", at, effects)
    document.plays = kept
    return [play for play in plays.values() if play.kind == key.kind and play.name not in kept]


def _end(account: Account, play: str, state: PlayState, reason: str, at: Instant, effects: Effects) -> None:
    for run_id in state.open_runs:
        effects.resolved.append(
            RunResolved(run_id=run_id, account_id=account.account_id, play=play, resolved_at=at, reason=reason)
        )


def activate(play: CompiledPlay, document: Document, view: View, started: Instant | None, at: Instant, effects: Effects) -> None:
    """The first verdict of a play for a subject that was there before it."""
    first_at = at if started is None or started <= at else started
    state = document.plays[play.name] = PlayState(identity=play.identity, first_at=first_at)
    if first_at > at:
        state.deadline = first_at if play.needs_time else None
    elif play.needs_time:
        barred = "ignored" if play.form.on_activate == "ignore" else None
        look(play, document, view, at, at, effects, barred)
        if state.known:
            effects.already.append(play.name)
    else:
        state.first_at = None


def fill(
    account: Account, document: Document, kind: str, history: Sequence[Event], routes: Callable[[str], list[Route]], hits: Hits
) -> dict[str, Exception]:
    """Fill the metrics that the document does not have from the subject's own history, in order. The answer: what failed."""
    missing: set[str] = set()
    failed: dict[str, Exception] = {}
    for event in history:
        for route in routes(event.name):
            if route.kind != kind:
                continue
            passed = hits(account, route, event, event.received_at)
            for observer in route.observers:
                if observer.key in missing or observer.key not in document.metrics:
                    missing.add(observer.key)
                    if passed[observer.where]:
                        try:
                            document.metrics[observer.key] = observer.observe(document.metrics.get(observer.key), event)
                        except Exception as error:  # noqa: BLE001 - as in the engine: a fault stops no other play
                            failed.setdefault(observer.key, error)
    return failed


def subjects_in(history: Sequence[Event], kinds: Iterable[str]) -> dict[SubjectKey, list[Event]]:
    """The history of each subject that appears in it."""
    found: dict[SubjectKey, list[Event]] = {}
    wanted = tuple(kinds)
    for event in history:
        for kind in wanted:
            value = value_of(kind, event)
            if value is not None:
                found.setdefault(SubjectKey(kind, value), []).append(event)
    return found
