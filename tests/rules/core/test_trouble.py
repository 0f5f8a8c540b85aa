"""Whatever people send, no play raises: what cannot be computed is unknown, and everything that comes of it can be stored."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.explain import Explained, explain
from services.rules.core.explaining.standing import reasons
from services.rules.core.state import Account, decode_document, encode_document
from shared.records import Event, decode_events_record, encode
from tests.rules.timeline import START, applied, at, day_of, event, replay

MEASURES: list[Any] = [
    "count",
    "users",
    "days",
    *({kind: "properties.x"} for kind in ("sum", "min", "max", "avg", "last", "distinct")),
]
WORDS: dict[str, Any] = {
    "equals": 3,
    "one_of": ["a", 1, True],
    "none_of": ["a", 2],
    "above": 3,
    "below": "40%",
    "at_least": "90% of account.y",
    "at_most": 1e300,
    "between": ["2026-01-01", "2026-02-01"],
    "contains": ["a", 1],
    "starts_with": "a",
    "ends_with": "a",
    "matches": "^a+",
    "exists": True,
    "older_than": "1d",
    "within": "2d",
}
A = {"of": "a.b"}
ALL_WORDS = {"any": [{path: {word: argument}} for word, argument in WORDS.items() for path in ("account.x", "user.x")]}
WHERE = {"any": [{path: {word: argument}} for word, argument in WORDS.items() for path in ("properties.x", "properties.x.y")]}
FILTERED = {"of": "a.*", "where": WHERE}
SHIFT = {"over": "2d", "baseline": "4d", "by": "40%"}
CONDITIONS: list[dict[str, Any]] = [
    {"event": FILTERED},
    {"all": [{"event": "a.b"}, {"not": {"silence": {**A, "for": "1d"}}}]},
    *({"count": {**A, "measure": measure, "over": "2d", "at_least": 2}} for measure in MEASURES),
    *({"count": {**A, "measure": measure, "over": "2d", "at_most": "50% of account.x"}} for measure in MEASURES),
    {"count": {**A, "over": "3h", "at_least": "50% of account.x"}},
    {"count": {**A, "since": "account.x", "at_least": 2}},
    {"count": {**A, "measure": {"distinct": "properties.x"}, "since": "account.x", "at_most": 2}},
    *({"drop": {**A, "measure": measure, **SHIFT}} for measure in MEASURES),
    *({"rise": {**A, "measure": measure, **SHIFT}} for measure in MEASURES),
    {"silence": {**FILTERED, "for": "1d", "since": "start"}},
    {"not_reached": {"since": "account.x", "within": "1d", "milestone": {"count": {**FILTERED, "at_least": 2}}}},
    {
        "not_reached": {
            "since": {"event": "a.b", "restart": True},
            "within": "36500d",
            "milestone": {"count": {"of": "a.c", "at_least": 2}},
        }
    },
    {
        "open": {
            "by": "properties.x",
            "opens": "a.b",
            "closes": "a.c",
            "where": WHERE,
            "at_least": "50% of account.y",
            "for": "1h",
        }
    },
    {"open": {"by": "properties.x.y", "opens": "a.c", "closes": "a.b", "at_most": 1}},
    {"trait": ALL_WORDS},
    {"change": {"of": "account.x", "from": ["a", 1], "to": ["b", True]}},
    {"change": {"of": "account.x", "crosses": {"below": 40}}},
    {"date": {"of": "account.x", "before": "36500d"}},
    {"date": {"of": "user.x", "after": "36500d"}},
    {"every": {"since": "account.x", "each": "1d"}},
    {"every": {"cron": "0 9 * * MON"}},
    {"manual": {}},
]
KINDS: list[Any] = ["account", "user", {"by": "properties.x"}, {"by": "properties.x.y"}]
AUDIENCE = {
    "play": "audience",
    "audience": ALL_WORDS,
    "when": {"silence": {**A, "for": "1d"}},
    "resolve_when": {"trait": ALL_WORDS},
}


def engine_of(start: int, zone: str) -> Engine:
    """An engine with some of the plays: every fourth, and each of them for another kind of subject."""
    plays: list[dict[str, Any]] = [AUDIENCE]
    for number, when in list(enumerate(CONDITIONS))[start :: len(KINDS)]:
        plays += [{"play": f"p{number}", "per": KINDS[(number // 4 + start) % 4], "timezone": zone, "when": when}]
    return Engine(applied(*plays))


ENGINES = [engine_of(start, zone) for start in range(len(KINDS)) for zone in ("UTC", "America/St_Johns")]

numbers = st.one_of(
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [1e308, -1e308, 5e-324, 2**63, 2**64, -(2**63) - 1, 10**308, 10**309, 0.1, 0, -0.0, 10**15, 253402300799999999]
    ),
)
_WRITTEN = """
2026-01-03  0001-01-01  9999-12-31  9999-12-31T23:59:59.999999-12:00  0001-01-01T00:00:00+14:00  2026-02-30  2026-1-3  now
2026-01-03T25:00  2026-01-03T10:00:00+99:99  9999-12-31T23:59:59.999999Z  2026-W01-1
"""
dates = st.sampled_from([*_WRITTEN.split(), "2026-01-03 10:00", ""])
words = st.one_of(dates, st.text(max_size=5), st.sampled_from(["a", "aa", "😀", "\u0001", "İ", "ß", "id", "a" * 600, "\x1f\x1e"]))
leaves = st.one_of(st.none(), st.booleans(), numbers, words)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.just("y"), inner, max_size=3), max_leaves=6
)
objects = st.dictionaries(st.sampled_from(["x", "y", "id", "started_at", "z"]), values, max_size=4)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events as they come out of the log: any JSON in them, any instant that the reader lets through, in the order of the log."""
    events, day = [], 0.0
    for number in range(draw(st.integers(1, 6))):
        day += draw(st.sampled_from([0, 1e-5, 0.5, 1, 7]))
        late = draw(st.sampled_from([0, 0, 0, 1, 400, 700_000]))
        name, user = draw(st.sampled_from(["a.b", "a.c", "play.started"])), draw(st.sampled_from([None, "u", "\x1f"]))
        told = {"properties": draw(objects), "traits": draw(st.none() | objects), "user_traits": draw(st.none() | objects)}
        who = {"source": "test", "account_id": "acme", "user_id": user, "imported": draw(st.integers(0, 4)) == 0}
        body = {"type": "event", "id": f"e{number}", "name": name, **who, **told}
        read = decode_events_record(json.dumps(body).encode())
        assert isinstance(read, Event)
        read.received_at = at(day)
        read.occurred_at = read.received_at if read.imported else max(at(day - late), -62_135_596_800 * 1_000_000)
        events.append(read)
    return events


def faults(found: Explained) -> list[str]:
    clauses, wrong = [found.condition, found.audience, found.resolve_when], []
    while clauses:
        clause = clauses.pop()
        if clause is not None:
            clauses += clause.clauses
            wrong += [clause.words] if "a fault of ours" in clause.words else []
    return wrong


@settings(max_examples=30, deadline=None)
@given(histories(), st.sampled_from(ENGINES))
def test_nothing_that_is_sent_makes_a_play_raise(events: list[Event], engine: Engine):
    effects, account = Effects(), Account("acme", START, {})
    for one in events:
        engine.take(account, one, effects)
        for key, document in account.subjects.items():
            account.subjects[key] = decode_document(encode_document(document))
    until = events[-1].received_at + (at(30) - START)
    engine.pass_time(account, until, effects)
    assert [(made.play, made.detail) for made in effects.decisions if made.reason == "error"] == []
    for record in (*effects.opened, *effects.resolved):
        encode(record)
    assert all(START <= run.opened_at <= until for run in effects.opened), [day_of(run.opened_at) for run in effects.opened]
    explained(engine, account, until)


def explained(engine: Engine, account: Account, now: int) -> None:
    """Every play of every subject can be explained, and the answer can be sent."""
    for key, document in account.subjects.items():
        for play in (play for play in engine.plays if play.kind == key.kind):
            view = engine.view(account, key, None, now)
            found = explain(play, document.plays[play.name], document.metrics, view, now)
            assert faults(found) == []
            json.dumps(msgspec.to_builtins(found), allow_nan=False)
            assert all(reason.words for reason in reasons(play, document.plays[play.name], found, view, now, False, ()))


# ---------------------------------------------------------------- one by one


def sums(*texts: str) -> tuple[list[float], bool | None]:
    """The days on which a sum of at least 2 opened, of events a day with these properties; and the last verdict."""
    play = {"when": {"count": {**A, "measure": {"sum": "properties.x"}, "over": "9d", "at_least": 2}}}
    events = [event("a.b", day) for day in range(len(texts))]
    for one, text in zip(events, texts, strict=True):
        one.properties_json = msgspec.Raw(text.encode())
    effects = replay(applied(play), events, len(texts))
    assert effects.decisions == []
    return [day_of(run.opened_at) for run in effects.opened], bool(effects.opened)


def test_a_number_that_is_too_large_counts_for_nothing_and_the_others_count():
    for large in ("1e400", "-1e400", "9" * 5_000, "1e301", "9" * 301, '"3"', "null", "[3]"):
        assert sums('{"x": 1}', f'{{"x": {large}}}', '{"x": 1}') == ([2], True), large


def test_the_rest_of_the_properties_is_read_beside_such_a_number():
    detractor = {"when": {"event": {"of": "a.b", "where": {"properties.score": {"at_most": 6}}}}}
    one = event("a.b", 1)
    one.properties_json = msgspec.Raw(b'{"other": [1e999], "score": 3}')
    [run] = replay(applied(detractor), [one], 2).opened
    assert run.evidence["score"] == 3
    assert b"Infinity" not in encode(run)


def test_a_start_at_the_end_of_the_calendar_is_a_start():
    drop = {"timezone": "America/St_Johns", "when": {"drop": {**A, **SHIFT}}}
    for start in ("9999-12-31", "9999-12-31T23:59:59.999999-12:00", 253402300799999999):
        effects = replay(applied(drop), [event("a.b", 1, traits={"started_at": start}), event("a.b", 2)], 9)
        assert (effects.opened, effects.decisions) == ([], []), start
