"""Stories of every kind of play, on logs where everything happens on a boundary or one microsecond beside it."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from services.rules.core.play import Play
from services.rules.worker import Bounds
from shared.instants import HOUR, Instant, parse_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, Paused, Resumed
from tests.determinism.lived import Life, bounds
from tests.determinism.story import Story, Told
from tests.determinism.trouble import Trouble
from tests.oracle.generated import logs
from tests.oracle.generated_plays import PLACES, plays

Draw = Any
pick = st.sampled_from
DURATIONS = [HOUR, 2 * HOUR, 24 * HOUR]

# One of each kind, quick enough that something comes of a log of thirty events.
EVERY_KIND: list[JsonObject] = [
    {"play": "drop", "when": {"drop": {"of": "a.*", "over": "1h", "baseline": "2h", "by": "50%"}}, "again": "every time"},
    {"play": "rise", "when": {"rise": {"of": "any", "over": "2h", "baseline": "2h", "by": "50%"}}, "again": "after 1h"},
    {"play": "count", "when": {"count": {"of": "a.x", "over": "2h", "at_least": 2}}, "again": "every time"},
    {"play": "few", "when": {"count": {"of": "any", "measure": "users", "over": "1d", "at_most": 1}}},
    {"play": "silence", "when": {"silence": {"of": "a.x", "for": "1h", "since": "start"}}, "again": "every time"},
    {
        "play": "slow",
        "when": {
            "not_reached": {"since": "account.d1", "within": "2h", "milestone": {"count": {"of": "a.y", "at_least": 2}}},
        },
    },
    {"play": "open", "when": {"open": {"by": "properties.k", "opens": {"of": "a.x"}, "closes": {"of": "a.y"}, "at_least": 1}}},
    {"play": "date", "when": {"date": {"of": "account.d2", "before": "1d"}}, "again": "every time"},
    {"play": "each", "when": {"every": {"since": "account.d1", "each": "1h"}}},
    {"play": "cron", "when": {"every": {"cron": "30 * * * *"}}, "again": "after 2h"},
    {"play": "stuck", "when": {"trait": {"account.plan": "pro"}}, "hold": "1h", "again": "every time"},
    {"play": "changed", "when": {"change": {"of": "account.plan", "to": ["pro", "free"]}}, "max_age": "1h"},
    {"play": "person", "per": "user", "when": {"silence": {"of": "any", "for": "2h"}}, "audience": {"account.plan": "pro"}},
    {"play": "ticket", "per": {"by": "properties.k"}, "when": {"count": {"of": "any", "over": "1h", "at_least": 2}}},
    {"play": "over", "when": {"event": "a.x"}, "resolve_when": {"event": "a.y"}},
    {"play": "aim", "when": {"event": "a.x"}, "goal": {"when": {"trait": {"account.seats": 4}}, "within": "2h"}},
    {"play": "half", "when": {"event": "b.x"}, "holdout": "50%", "rollout": "50%", "again": "after 1h"},
    {"play": "shadow", "mode": "shadow", "when": {"all": [{"event": "a.x"}, {"not": {"silence": {"of": "b.x", "for": "1h"}}}]}},
    {"play": "now", "on_activate": "run", "when": {"not": {"count": {"of": "b.x", "over": "1h", "at_least": 2}}}},
]  # fmt: skip


@st.composite
def sets(draw: Draw, zone: str, least: int = 1) -> list[JsonObject]:
    """Some plays: of the list above, and others."""
    chosen = draw(st.lists(pick(EVERY_KIND), min_size=least, max_size=6, unique_by=lambda play: play["play"]))
    others = [draw(plays(f"p{number}", zone)) for number in range(draw(st.integers(0, 2)))]
    return [{"timezone": zone, **play} for play in chosen] + others


@st.composite
def edited(draw: Draw, before: list[JsonObject], zone: str) -> list[JsonObject]:
    """The same plays after an edit: titles, holds, names, modes; some gone, some new."""
    after: list[JsonObject] = []
    for play in before:
        kind = draw(pick(["keep", "keep", "keep", "title", "hold", "rename", "mode", "gone"]))
        if kind == "title":
            after.append({**play, "title": "Another"})
        elif kind == "hold" and not Play.model_validate(play).when.impulse:
            after.append({**play, "hold": "2h"})
        elif kind == "rename":
            after.append({**play, "play": f"{play['play']}-b", "was": play["play"]})
        elif kind == "mode":
            after.append({**play, "mode": draw(pick(["shadow", "draft"]))})
        elif kind != "gone":
            after.append(play)
    known = {play["play"].partition("-")[0] for play in after}
    return after + [play for play in draw(sets(zone, least=0)) if play["play"] not in known]


def record_of(documents: list[JsonObject], since: Instant, before: Applied | None = None) -> Applied:
    """The record that applies them after another one: what has changed has a new version."""
    known = {play.play: play for play in before.plays} if before is not None else {}
    plays = []
    for document in documents:
        name, old = document["play"], known.get(document["play"])
        version = 1 if old is None else old.version + (old.document != document)
        plays.append(AppliedPlay(play=name, version=version, document=document, was=document.get("was")))
    return Applied(plays=plays, listening_since=since)


@st.composite
def stories(draw: Draw, edits: bool = True) -> Story:
    """Plays and a log, some of it late, repeated, ahead of the clock, or after an outage; with edits of the plays in it."""
    zone, text = draw(pick(PLACES))
    begin = parse_instant(text)
    documents = draw(sets(zone))
    applied = record_of(documents, begin)
    log = [Told(event.received_at, event) for event in draw(logs(begin, DURATIONS, zone))]
    records = [Told(begin, applied), *draw(disturbed(log))]
    places = sorted(draw(st.lists(st.integers(1, len(records)), max_size=3))) if edits else []
    for already, place in enumerate(places):
        before, after = records[place + already - 1].at, records[min(place + already, len(records) - 1)].at
        at = draw(pick([before, max(before, after - 1), after]))
        if documents and draw(st.booleans()):
            name = draw(pick(documents))["play"]
            records.insert(place + already, Told(at, draw(pick([Paused(play=name), Resumed(play=name)]))))
        else:
            documents = draw(edited(documents, zone))
            applied = record_of(documents, begin, applied)
            records.insert(place + already, Told(at, applied))
    return Story(records, records[-1].at + draw(pick([0, HOUR, 2 * HOUR, 48 * HOUR])))


@st.composite
def disturbed(draw: Draw, log: list[Told]) -> list[Told]:
    """The log with an outage of six hours, clocks that run ahead, and repeats."""
    outage = draw(st.integers(0, 2 * len(log)))
    log = [Told(told.at + (6 * HOUR if place >= outage else 0), told.record) for place, told in enumerate(log)]
    for place in draw(st.lists(st.integers(0, len(log) - 1), max_size=2)):
        event = log[place].record
        if isinstance(event, Event):
            ahead = msgspec.structs.replace(event, occurred_at=(event.occurred_at or 0) + 3 * HOUR)
            log[place] = Told(log[place].at, ahead)
    for place in draw(st.lists(st.integers(0, len(log) - 1), max_size=3)):
        again = draw(st.integers(place, len(log) - 1))
        log.insert(again + 1, Told(log[again].at, log[place].record))
    return log


few = st.one_of(st.integers(1, 3), st.just(1_000))
all_bounds: st.SearchStrategy[Bounds] = st.builds(bounds, records=few, due=few, warm=few, documents=few)
troubles = st.builds(Trouble, steps=st.integers(1, 40), kind=pick(["crash", "crash", "away", "lost"]))
lives: st.SearchStrategy[Life] = st.builds(
    Life,
    partitions=st.integers(1, 3),
    bounds=st.lists(all_bounds, min_size=1, max_size=3),
    troubles=st.lists(troubles, max_size=6),
    pieces=st.integers(1, 3),
    workers=pick([1, 1, 2]),
)
