"""What follows from a verdict: why a run is open, or why none opens, and when that changes if nothing happens."""

from collections.abc import Iterable, Iterator

import msgspec

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.explain import Explained, explain
from services.rules.core.explaining.words import moment, span
from services.rules.core.ids import share_of
from services.rules.core.state import Account, Document, PlayState, SubjectKey, decode_document, encode_document
from shared.instants import Instant

# So many deadlines are looked ahead: a play that looks each day is followed for more than a year.
_STEPS = 400

# What a decision means, where the state does not say more.
REFUSALS = {
    "cooldown": "the last run is not long enough ago",
    "never": "it had its one run",
    "repeated": "an event of the same source and id had opened a run before: no second one, and nothing is delivered again",
    "stale": "the event was older than the play's max_age when it was received",
    "holdout": "the subject is held out: its run is recorded and nothing is delivered",
    "shadow": "the play is in shadow: its run is recorded and nothing is delivered",
    "rollout": "the play is not rolled out to this subject",
    "paused": "the play was paused when it became true; only a fresh rise opens a run",
    "ignored": "it was true already when the play was applied; only a fresh rise opens a run",
    "error": "a fault of ours: the decision names it",
}


class Reason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that brings a run about or holds it back. `code` is for programs; `until` is when it ends by itself."""

    code: str
    words: str
    until: Instant | None = None
    run_id: str | None = None


class Next(msgspec.Struct, kw_only=True):
    """What happens at the first deadline that changes anything, if nothing else happens until then."""

    at: Instant
    verdict: bool | None
    opens: bool
    resolves: bool
    # Decisions other than a run: cooldown, paused, holdout, ...
    reasons: list[str]


def reasons(
    play: CompiledPlay, state: PlayState, found: Explained, view: View, now: Instant, paused: bool, refused: Iterable[str]
) -> list[Reason]:
    """Why things stand as they do at `now`, what weighs most first. `refused`: the reasons of the decisions about this edge."""
    given = [*_begun(state, now), *_open(state), *_verdict(play, found), *_held_back(play, state, found, now)]
    given += _shares(play, view, paused)
    known = {reason.code for reason in given}
    for code in dict.fromkeys(refused):
        if code not in known:
            given.append(Reason(code=code, words=REFUSALS.get(code, code)))
    return given


def _begun(state: PlayState, now: Instant) -> Iterator[Reason]:
    if state.first_at is not None and now < state.first_at:
        words = f"nothing is decided before its start: the first verdict is taken on {moment(state.first_at)}"
        yield Reason(code="not_begun", words=words, until=state.first_at)


def _open(state: PlayState) -> Iterator[Reason]:
    for run_id in state.open_runs:
        since = "" if state.last_opened is None else f" since {moment(state.last_opened)}"
        yield Reason(code="open", words=f"a run is open{since}; while it is there is no second", run_id=run_id)


def _verdict(play: CompiledPlay, found: Explained) -> Iterator[Reason]:
    if found.verdict is None:
        what = f": {', '.join(found.lacking)} is missing or of a wrong type" if found.lacking else ""
        yield Reason(code="unknown", words=f"it cannot be said{what}; nothing opens or resolves while that is so")
    if found.verdict is not False:
        return
    if found.audience is not None and found.audience.verdict is False:
        yield Reason(code="audience", words="it is not in the play's audience")
    if found.condition.verdict is False:
        words = "it is true only at one event or date, and this instant is none" if play.impulse else "the condition is false"
        yield Reason(code="condition", words=words)


def _held_back(play: CompiledPlay, state: PlayState, found: Explained, now: Instant) -> Iterator[Reason]:
    if state.open_runs:
        return
    if found.verdict is True and not play.impulse:
        yield from _rise(play, state, now)
    last = state.last_opened
    if last is None:
        return
    if play.cooldown is None:
        yield Reason(code="never", words=f"it had its one run, on {moment(last)} (again: never)")
    elif play.cooldown and now - last <= play.cooldown:
        ends = last + play.cooldown
        words = f"the last run opened on {moment(last)}; there is no other for {span(play.cooldown)}, until {moment(ends)}"
        yield Reason(code="cooldown", words=words, until=ends)


def _rise(play: CompiledPlay, state: PlayState, now: Instant) -> Iterator[Reason]:
    """A level that is true and has no run."""
    since = state.since
    if play.hold is not None and not state.spent:
        begins = "" if since is None else f" since {moment(since)}"
        until = None if since is None else since + play.hold
        if until is None or now <= until:
            yield Reason(code="hold", words=f"it must stay true for {span(play.hold)}, and is{begins}", until=until)
    if state.spent and since is not None and state.last_opened is not None and state.last_opened >= since:
        yield Reason(code="ended", words=f"the run of {moment(state.last_opened)} has ended; only a fresh rise opens another")
    elif state.spent and (play.cooldown is not None or state.last_opened is None):
        yield Reason(code="spent", words="it was true when no run could open; only a fresh rise opens one")


def _shares(play: CompiledPlay, view: View, paused: bool) -> Iterator[Reason]:
    account_id, subject = view.account.account_id, view.subject
    if paused:
        yield Reason(code="paused", words="the play is paused: it opens no run until it is resumed")
    if play.rollout < 1 and share_of("rollout", play.name, account_id, subject) >= play.rollout:
        yield Reason(code="rollout", words=REFUSALS["rollout"])
    elif play.form.mode == "shadow":
        yield Reason(code="shadow", words=REFUSALS["shadow"])
    elif play.holdout and share_of("holdout", play.name, account_id, subject) < play.holdout:
        yield Reason(code="holdout", words=REFUSALS["holdout"])


def foresee(engine: Engine, play: CompiledPlay, account: Account, key: SubjectKey, verdict: bool | None) -> Next | None:
    """Let time pass in a copy of the subject, with nothing happening, until anything changes; None: it never does by itself.

    `engine` has no play but this one. After many deadlines without a change the last of them is the answer.
    """
    copied = _copy(account, key, play.name)
    document, effects = copied.subjects[key], Effects()
    at: Instant | None = document.next_deadline
    if play.peers:
        # What its peers will have done by then nobody knows: it is looked at again, and that is all that can be said.
        return None if at is None else Next(at=at, verdict=verdict, opens=False, resolves=False, reasons=[])
    for _ in range(_STEPS):
        if document.next_deadline is None:
            return None
        at = document.next_deadline
        engine.pass_time(copied, at + 1, effects)
        view = engine.view(copied, key, None, at + 1)
        then = explain(play, document.plays[play.name], document.metrics, view, at + 1).verdict
        if effects.opened or effects.resolved or effects.decisions or then is not verdict:
            made = [one.reason for one in effects.decisions]
            return Next(at=at, verdict=then, opens=bool(effects.opened), resolves=bool(effects.resolved), reasons=made)
    return None if at is None else Next(at=at, verdict=verdict, opens=False, resolves=False, reasons=[])


def _copy(account: Account, key: SubjectKey, play: str) -> Account:
    copied = Account(account.account_id, account.first_seen_at, account.traits)
    copied.users, copied.begun = account.users, True
    document: Document = decode_document(encode_document(account.subjects[key]))
    # What is not heard of for long is forgotten; that is no change of a verdict.
    document.last = None
    document.plays = {play: document.plays[play]}
    document.settle()
    copied.subjects[key] = document
    return copied
