"""Why a play did, or did not, fire for an account: from what is stored now, or from its history replayed up to an instant.

Now is the time of the account's partition: what its worker has decided. An instant of the past is answered by the engine itself:
the versions of the play are applied when they were, and the stored events are taken again, as in a warm-up or a backtest.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.rules import peer_store, standing_store, store
from services.rules.catalog import Catalog, decode_catalog
from services.rules.core.compiled import CompiledPlay
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.explain import explain
from services.rules.core.explaining.standing import Reason, foresee, reasons
from services.rules.core.peers.totals import Groups, summed
from services.rules.core.state import ITSELF, Account, PlayState, SubjectKey, decode_document
from services.rules.past import Past, relive
from services.rules.standing_store import Decided, Known, Version
from shared.db.database import reading
from shared.instants import Instant, show_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject

MOST_SUBJECTS = 200
_NOTHING: JsonObject = {"verdict": None, "lacking": [], "audience": None, "condition": None, "resolve_when": None}


class Standing(NamedTuple):
    """All that a verdict at `at` needs; `past` where history was replayed for it."""

    engine: Engine
    play: CompiledPlay
    account: Account
    at: Instant
    paused: bool
    given: list[Reason]
    decided: Sequence[Decided]
    past: Past | None


async def explain_play(
    database: AsyncEngine, name: str, account_id: str, subject: str | None = None, at: Instant | None = None
) -> JsonObject:
    """The answer as JSON: docs/http-api.md. Without a subject, a play per user or value answers for each in short.

    Raises:
        LookupError: there is no such play, or no such account.
    """
    async with reading(database) as connection:
        known = await standing_store.known_of(connection, account_id)
        versions = await standing_store.versions_of(connection, name)
        if known is None or not versions:
            raise LookupError(f"there is no {'account' if known is None else 'play'} {account_id if known is None else name}")
        if at is None:
            standing = await _now(connection, account_id, known, versions, subject)
        else:
            history = (await store.history(connection, [account_id], None))[account_id]
            given, engines = _applied_by(at, decode_catalog(known.plays).applied, versions)
            for _, engine in engines:
                await _know_peers(connection, engine)
            standing = await asyncio.to_thread(_then, account_id, given, engines, history, at)
    return await asyncio.to_thread(_answer, standing, subject)


# ------------------------------------------------------------------ where things stand


async def _now(
    connection: AsyncConnection, account_id: str, known: Known, versions: Sequence[Version], subject: str | None
) -> Standing:
    catalog: Catalog = decode_catalog(known.plays)
    active = next((play for play in catalog.applied.plays if play.play == versions[-1].play), None)
    played = active or versions[-1].as_applied()
    engine = _engine(catalog.applied, played, catalog.paused)
    play = engine.plays[0]
    account = Account(account_id, known.first_seen_at, msgspec.json.decode(known.traits))
    await _know_peers(connection, engine)
    await _load(connection, account, play.kind, subject)
    given = [] if active is not None and played.document.get("mode") != "draft" else [_inactive(played)]
    if given or known.plays_offset < catalog.offset:
        # What the worker is still to do for this account.
        history = (await store.history(connection, [account_id], engine.warm_names(Applied(plays=[]))))[account_id]
        engine.warm(account, [event for event in history if event.received_at <= known.at], known.at, Effects())
    decided = await standing_store.decided_of(connection, play.name, account_id, MOST_SUBJECTS)
    return Standing(engine, play, account, known.at, play.name in catalog.paused, given, decided, None)


def _inactive(play: AppliedPlay) -> Reason:
    if play.document.get("mode") == "draft":
        return Reason(code="draft", words="the play is a draft: it decides nothing. This is what it would say")
    return Reason(code="inactive", words="the play is archived, or its worker has not read it yet. This is what it would say")


async def _know_peers(connection: AsyncConnection, engine: Engine) -> None:
    """Give the engine the totals of peers that are kept: those of the days that every partition which counts them has closed."""
    for key in engine.peers:
        parts = await peer_store.closed_parts(connection, key, 0)
        last: dict[int, int] = {}
        for part in parts:
            last[part.partition] = max(part.day, last.get(part.partition, part.day))
        began = max((part.day for part in parts if part.groups is None), default=0)
        days: dict[int, list[Groups]] = {}
        for part in parts:
            if part.groups is not None and began < part.day <= min(last.values()):
                days.setdefault(part.day, []).append(part.groups)
        for day, groups in days.items():
            engine.totals.put(key, day, summed(groups))


async def _load(connection: AsyncConnection, account: Account, kind: str, subject: str | None) -> None:
    """The subjects that are asked for, and the traits of those that are users."""
    if kind == ITSELF.kind or subject is not None:
        value = ITSELF.value if kind == ITSELF.kind else subject or ""
        rows = await store.find_subjects(connection, [(account.account_id, kind, value)])
    else:
        rows = await standing_store.subjects_of_kind(connection, account.account_id, kind, MOST_SUBJECTS + 1)
    for _, found_kind, value, document in rows:
        account.subjects[SubjectKey(found_kind, value)] = decode_document(document)
    users = [(account.account_id, key.value) for key in account.subjects if key.kind == "user"]
    for _, user_id, traits in await store.find_users(connection, users):
        account.users[user_id] = msgspec.json.decode(traits)


def _applied_by(at: Instant, applied: Applied, versions: Sequence[Version]) -> tuple[list[Reason], list[tuple[Instant, Engine]]]:
    """The versions that were applied by then, each as an engine; where none was, as though the first had always been there."""
    made = [one for one in versions if one.applied_at <= at]
    given: list[Reason] = []
    if not made:
        first = versions[0]
        words = f"the play was first applied on {show_instant(first.applied_at)}. This is what it would have said"
        given, made = [Reason(code="not_applied", words=words)], [first._replace(applied_at=0)]
    return given, [(one.applied_at, _engine(applied, one.as_applied(), frozenset())) for one in made]


def _then(
    account_id: str, given: list[Reason], engines: Sequence[tuple[Instant, Engine]], history: Sequence[Event], at: Instant
) -> Standing:
    past = relive(account_id, engines, history, at)
    decided = [Decided(made.subject, made.at, made.reason) for made in past.effects.decisions]
    return Standing(past.engine, past.engine.plays[0], past.account, at, False, given, decided, past)


def _engine(applied: Applied, play: AppliedPlay, paused: frozenset[str]) -> Engine:
    """An engine of this one play. A draft is read as though it were live."""
    document = {**play.document, "mode": "live"} if play.document.get("mode") == "draft" else play.document
    play = AppliedPlay(play=play.play, version=play.version, document=document, was=play.was)
    return Engine(Applied(plays=[play], listening=applied.listening, listening_since=applied.listening_since), paused)


# ------------------------------------------------------------------ the answer


def _answer(standing: Standing, subject: str | None) -> JsonObject:
    play, account = standing.play, standing.account
    own = play.kind == ITSELF.kind
    answer: JsonObject = {
        "play": play.name,
        "version": play.version,
        "title": play.form.title,
        "mode": play.form.mode,
        "per": "value" if play.kind.startswith("by:") else play.kind,
        "account_id": account.account_id,
        "subject": account.account_id if own else subject,
        "at": show_instant(standing.at),
    }
    if own or subject is not None:
        key = ITSELF if own else SubjectKey(play.kind, subject or "")
        return answer | _of_subject(standing, key)
    keys = sorted(key for key in account.subjects if key.kind == play.kind)
    shown = [{"subject": key.value, **_in_short(_of_subject(standing, key))} for key in keys[:MOST_SUBJECTS]]
    nothing: JsonObject = {
        "verdict": None,
        "lacking": [],
        "audience": None,
        "condition": None,
        "resolve_when": None,
        "next": None,
    }
    given = [_shown(reason) for reason in standing.given]
    return answer | nothing | {"reasons": given, "subjects": shown, "more_subjects": len(keys) > MOST_SUBJECTS}


def _in_short(found: JsonObject) -> JsonObject:
    return {name: found[name] for name in ("verdict", "lacking", "reasons")}


def _of_subject(standing: Standing, key: SubjectKey) -> JsonObject:
    """The verdict about one subject, why it stands as it does, and when that changes by itself."""
    engine, play, account, at, paused, given, decided, past = standing
    document = account.subjects.get(key)
    state = None if document is None else document.plays.get(play.name)
    if document is None or state is None:
        words = "nothing was ever heard of it" if key != ITSELF else "the account was not there yet"
        return _plain(None, [*given, Reason(code="not_seen", words=words)], None)
    event, before, now = _moment(past, key, state, at)
    view = engine.view(account, key, event, now)
    found = explain(play, before, document.metrics, view, now)
    edge = at if event is not None else state.since if state.known and not state.open_runs else None
    refused = [made.reason for made in decided if made.subject == view.subject and edge is not None and made.at >= edge]
    because = reasons(play, state, found, view, now, paused, refused)
    if past is not None and state.last_opened == at:
        because.insert(0, Reason(code="fired", words="a run opened at this instant"))
    return _plain(found, [*given, *because], foresee(engine, play, account, key, found.verdict))


def _moment(past: Past | None, key: SubjectKey, state: PlayState, at: Instant) -> tuple[Event | None, PlayState, Instant]:
    """The event of this instant, if there was one, with the state before it; else deadlines count one microsecond later."""
    if past is None:
        return None, state, at
    if key not in past.taken:
        return None, state, at + 1
    event, before = past.taken[key]
    return event, before or state, at


def _plain(found: Any, because: list[Reason], following: Any) -> JsonObject:
    told: JsonObject = _NOTHING if found is None else msgspec.to_builtins(found)
    ahead: JsonObject | None = None
    if following is not None:
        ahead = msgspec.to_builtins(following) | {"at": _iso(following.at)}
    return {**told, "reasons": [_shown(reason) for reason in because], "next": ahead, "subjects": None, "more_subjects": False}


def _shown(reason: Reason) -> JsonObject:
    return {"code": reason.code, "words": reason.words, "until": _iso(reason.until), "run_id": reason.run_id}


def _iso(instant: Instant | None) -> str | None:
    try:
        return None if instant is None else show_instant(instant)
    except OverflowError:  # after the year 9999
        return None
