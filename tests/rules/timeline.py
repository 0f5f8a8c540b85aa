"""A timeline in days for one engine: what was heard when, and which runs came of it.

    events = [login(day=0), login(day=13)]
    assert fired_on(SILENCE, *events, until=27) == [27]

Day 0 begins at START, a Thursday midnight in UTC. An event's `day` may be a fraction; `heard` is when it was received, if later.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account, decode_document, encode_document
from shared.instants import DAY, Instant, parse_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, RunOpened, as_json

START: Instant = parse_instant("2026-01-01T00:00:00Z")
_numbers = count(1)


def at(day: float) -> Instant:
    """The instant that many days after START."""
    return START + round(day * DAY)


def day_of(instant: Instant) -> float:
    """The day of an instant; whole days as whole numbers."""
    return (instant - START) / DAY


def event(
    name: str,
    day: float,
    *,
    heard: float | None = None,
    account: str = "acme",
    user: str | None = None,
    id: str | None = None,
    traits: JsonObject | None = None,
    user_traits: JsonObject | None = None,
    imported: bool = False,
    **properties: Any,
) -> Event:
    """Something that occurred on `day` and was received then, or on day `heard`."""
    return Event(
        id=id or f"e{next(_numbers)}",
        name=name,
        source="test",
        account_id=account,
        user_id=user,
        occurred_at=at(day),
        received_at=at(day if heard is None else heard),
        properties_json=as_json(properties),
        traits=traits,
        user_traits=user_traits,
        imported=imported,
    )


def applied(*plays: JsonObject, listening: dict[str, Instant] | None = None, since: Instant = START) -> Applied:
    """The plays as the record that makes them active; a document without a name is called `play`."""
    documents = [{"play": "play", **play} for play in plays]
    return Applied(
        plays=[AppliedPlay(play=document["play"], version=1, document=document) for document in documents],
        listening=listening or {},
        listening_since=since,
    )


def replay(record: Applied, events: Iterable[Event], until: float, paused: frozenset[str] = frozenset()) -> Effects:
    """All that is decided until the end of day `until`'s first instant. Documents are written and read back between events."""
    engine, effects = Engine(record, paused), Effects()
    accounts: dict[str, Account] = {}
    for one in sorted(events, key=lambda one: one.received_at):
        account_id = one.account_id or ""
        account = accounts.setdefault(account_id, Account(account_id, one.received_at, {}))
        engine.pass_time(account, one.received_at, effects)
        engine.take(account, one, effects)
        for key in account.changed & account.subjects.keys():
            account.subjects[key] = decode_document(encode_document(account.subjects[key]))
        account.changed.clear()
    for account in accounts.values():
        engine.pass_time(account, at(until) + 1, effects)
    return effects


def runs(play: JsonObject, *events: Event, until: float, **more: Any) -> list[RunOpened]:
    """The runs that opened."""
    return replay(applied(play, **more), events, until).opened


def fired_on(play: JsonObject, *events: Event, until: float, **more: Any) -> list[float]:
    """The days on which runs opened."""
    return [day_of(run.opened_at) for run in runs(play, *events, until=until, **more)]


def lived(play: JsonObject, *events: Event, until: float, **more: Any) -> list[tuple[float, float | None, str | None]]:
    """Each run as (opened on, resolved on, because)."""
    effects = replay(applied(play, **more), events, until)
    ends = {end.run_id: end for end in effects.resolved}
    return [
        (day_of(run.opened_at), day_of(ends[run.run_id].resolved_at), ends[run.run_id].reason)
        if run.run_id in ends
        else (day_of(run.opened_at), None, None)
        for run in effects.opened
    ]


def decided(play: JsonObject, *events: Event, until: float, **more: Any) -> list[tuple[float, str]]:
    """Each decision as (day, reason)."""
    return [(day_of(one.at), one.reason) for one in replay(applied(play, **more), events, until).decisions]


def goals(play: JsonObject, *events: Event, until: float, **more: Any) -> list[tuple[float, str]]:
    """What became of the runs' goals, each as (day, outcome)."""
    return [(day_of(one.at), one.outcome) for one in replay(applied(play, **more), events, until).goals]
