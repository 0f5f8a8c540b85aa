"""What one play should do with one log: every subject on its own, every moment from the beginning."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shared.instants import Instant
from shared.records import Event, JsonObject
from tests.oracle.drops import Drops
from tests.oracle.instants import candidates, entries
from tests.oracle.life import Life
from tests.oracle.told import Case, Moment, belongs, below, named, own, started_at


def expected(
    play: JsonObject, log: Iterable[Event], until: Instant, listening: Mapping[str, Instant], listening_since: Instant
) -> list[Life]:
    """The life of every subject of the play, of a log in order of (received_at, position)."""
    ordered = sorted(log, key=lambda one: one.received_at)
    lives: list[Life] = []
    for account_id in dict.fromkeys(one.account_id or "" for one in ordered):
        heard = tuple(one for one in ordered if one.account_id == account_id)
        lives += lives_in(Case(play, account_id, None, listening, listening_since), heard, until)
    return lives


def lives_in(case: Case, log: tuple[Event, ...], until: Instant) -> Iterator[Life]:
    """The lives of all subjects of one account; `case` is its own."""
    for value in _values(case.play, log):
        yield from live(replace(case, value=value), log, until)


def _values(play: JsonObject, log: tuple[Event, ...]) -> list[str | None]:
    per = play.get("per", "account")
    if per == "account":
        return [None]
    if per == "user":
        return [value for value in dict.fromkeys(one.user_id for one in log) if value is not None]
    path = per["by"].removeprefix("properties.")
    return [value for value in dict.fromkeys(below(path, one.properties) for one in log) if value is not None]


def live(case: Case, log: tuple[Event, ...], until: Instant) -> Iterator[Life]:
    """Take every event and every candidate instant in order; nothing for a subject that is never evaluated.

    'a deadline at `d` is evaluated at `d` plus one microsecond, when the log has passed `d`, and recorded as `d`'.
    """
    deadlines = sorted(candidates(case, log, until))
    life: Life | None = None
    place = 0
    while place < len(log) or deadlines:
        if place < len(log) and (not deadlines or log[place].received_at <= deadlines[0]):
            place += 1
            event = log[place - 1]
            moment = Moment(event.received_at, event.received_at, log[:place], event)
        else:
            at = heapq.heappop(deadlines)
            moment = Moment(at + 1, at, log[:place])
        if life is not None and life.is_forgotten(moment):
            yield life
            life, case = None, replace(case, forgotten=place - (moment.event is not None))
        if life is None and begins(case, moment):
            life = Life(case, Drops(log, moment))
        if life is not None:
            life.pass_moment(moment)
            for instant in life.instants_to_come():
                if moment.at < instant <= until and instant not in deadlines:
                    heapq.heappush(deadlines, instant)
    if life is not None:
        yield life


def begins(case: Case, moment: Moment) -> bool:
    """'The first verdict is taken at account start when there is a `started_at` (at an event of that instant that the play is
    interested in, else as a deadline), else at the first event.' 'Events a play is not interested in change nothing for it.'

    An account that starts before it is heard of, or has no `started_at`, starts at its first event; one that is told of an
    earlier start than it waited for starts then.
    """
    known = [one.received_at for one in own(case, moment)]
    if case.begins_at is not None and (known or case.value is None):
        start = max(case.begins_at, *known[:1]) if case.value is not None else case.begins_at
    elif known:
        told = [one.received_at for one in moment.heard if "started_at" in (one.traits or {})]
        start = max(known[0], *told, started_at(case, moment) or 0)
    else:
        return False
    return moment.at > start or (moment.at == start and (moment.event is None or interested(moment.event, case)))


def interested(event: Event, case: Case) -> bool:
    """An event of this subject by a name that a FILTER of the play has, or one that tells a trait that the play reads."""
    found = list(entries(case.play))
    filters = [
        content for key, content in found if key in {"of", "event", "opens", "closes"} and isinstance(content, (str, list))
    ]
    # A thing's properties come from any event; `manual` waits for one.
    filters += [{"open": "any", "manual": "play.started"}[key] for key, _ in found if key in {"open", "manual"}]
    if belongs(event, case) and any(named(event, of) for of in filters):
        return True
    # A trait that only a `where` asks for counts when an event is heard.
    words = {word for entry in entries(without_where(case.play)) for part in entry for word in _words(part)}
    told = {f"account.{name}" for name in event.traits or {}}
    if event.user_id == case.value:
        told |= {f"user.{name}" for name in event.user_traits or {}}
    return bool(told & words)


def _words(part: Any) -> list[str]:
    return part.split() if isinstance(part, str) else []


def without_where(form: Any) -> Any:
    """The document without the matchers of its filters."""
    if isinstance(form, dict):
        return {key: without_where(content) for key, content in form.items() if key != "where"}
    return [without_where(one) for one in form] if isinstance(form, list) else form
