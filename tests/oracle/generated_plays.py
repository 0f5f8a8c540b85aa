"""Plays of every kind with small bounds, so that everything happens on one."""

from typing import Any

from hypothesis import strategies as st

from shared.instants import HOUR, parse_duration
from shared.records import JsonObject
from tests.oracle.instants import entries

Draw = Any
NAMES = ["a.x", "a.y", "b.x"]
# A zone with an instant shortly before its calendar does something odd.
PLACES = [
    ("UTC", "2026-01-01T00:00:00Z"),
    ("Europe/Berlin", "2026-03-27T23:00:00Z"),
    ("Europe/Berlin", "2026-10-23T22:00:00Z"),
    ("America/New_York", "2026-03-07T05:00:00Z"),
    ("Africa/Cairo", "2026-04-22T22:00:00Z"),
    ("Africa/Cairo", "2026-10-28T21:00:00Z"),
    ("America/Havana", "2026-03-07T05:00:00Z"),
    ("America/Havana", "2026-10-31T04:00:00Z"),
    ("America/Santiago", "2026-04-03T03:00:00Z"),
    ("America/Santiago", "2026-09-05T04:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T13:00:00Z"),
    ("Asia/Kathmandu", "2026-01-01T18:15:00Z"),
]
SMALL = ["1h", "2h", "90m", "1d", "2d", "3d"]
WINDOWS = ["1h", "2h", "1d", "2d", "3d"]
MEASURES = [
    "count",
    "users",
    "days",
    {"sum": "properties.n"},
    {"min": "properties.n"},
    {"max": "properties.n"},
    {"avg": "properties.n"},
    {"last": "properties.n"},
    {"distinct": "properties.k"},
]
pick = st.sampled_from


def maybe(draw: Draw, chance: int, value: Any, other: Any = None) -> Any:
    return draw(value) if draw(st.integers(1, chance)) == 1 else other


def given_only(**parts: Any) -> JsonObject:
    return {key: value for key, value in parts.items() if value is not None}


@st.composite
def filters(draw: Draw, traits: bool = True) -> JsonObject:
    """FILTER; `traits`: its `where` may ask for them."""
    of = draw(pick(["a.x", "a.x", "a.y", ["a.x", "b.x"], "a.*", "any"]))
    where = [
        {"properties.n": {"at_least": 2}},
        {"properties.k": "p"},
        {"properties.k": {"none_of": ["p"], "missing": True}},
        {"any": [{"properties.n": {"below": 1}}, {"properties.k": {"exists": True}}]},
        {"not": {"properties.n": 3}},
        {"properties.t": {"contains": ["VIP", "q"], "missing": False}},
        {"properties.t": {"not": {"starts_with": "a"}}},
        {"properties.t": {"any": [{"ends_with": "p"}, {"matches": "^b[0-9]"}]}},
    ]
    if traits:
        where += [
            {"properties.n": {"between": [1, "50% of account.seats"]}},
            {"account.plan": ["pro", "free"]},
            {"account.d1": {"older_than": "2h"}},
        ]
    return given_only(of=of, where=maybe(draw, 4, pick(where)))


@st.composite
def counts(draw: Draw) -> JsonObject:
    """count."""
    measure = draw(pick(["count", "count", "count", *MEASURES]))
    span = {"over": draw(pick(SMALL if measure == "count" else WINDOWS))}
    if measure in MEASURES and draw(st.integers(1, 4)) == 1:
        span = {"since": "account.d3"}
    word = draw(pick(["at_least", "at_least", "at_most"]))
    bound = draw(pick([1, 1, 2, 2, 3, 4] if word == "at_least" else [0, 0, 1, 1, 2, 3]))
    bound = draw(pick([bound, bound, bound, bound, bound + 0.5, "50% of account.seats"]))
    if span.get("over", "90m") != "90m" and word == "at_most":
        bound = draw(pick([bound, bound, bound, 1001]))  # by hours
    form = {**draw(filters()), **span, word: bound}
    return {"count": form if measure == "count" else {**form, "measure": measure}}


@st.composite
def shifts(draw: Draw) -> JsonObject:
    """drop and rise."""
    over = draw(pick(["1h", "1h", "2h", "1d", "2d"]))
    times = draw(st.integers(1, 3))
    measure = draw(pick(["count", "count", *MEASURES]))
    form = {
        **draw(filters()),
        "over": over,
        "baseline": f"{int(over[:-1]) * times}{over[-1]}",
        "by": draw(pick(["25%", "50%", "50%", "100%"])),
        **given_only(floor=maybe(draw, 3, pick([1, 2, 0.5]))),
    }
    return {draw(pick(["drop", "rise"])): form if measure == "count" else {**form, "measure": measure}}


@st.composite
def silences(draw: Draw) -> JsonObject:
    """silence."""
    return {"silence": {**draw(filters()), "for": draw(pick(SMALL)), **given_only(since=maybe(draw, 2, st.just("start")))}}


@st.composite
def milestones(draw: Draw) -> JsonObject:
    """A milestone."""
    measure = draw(pick(["count", "count", *MEASURES]))
    form = {**draw(filters()), "at_least": draw(st.integers(1, 3))}
    if measure == "count":
        return {"count": {**form, **given_only(over=maybe(draw, 2, pick(SMALL)))}}
    return {"count": {**form, "measure": measure}}


@st.composite
def not_reached(draw: Draw) -> JsonObject:
    """not_reached."""
    event = draw(filters())
    anchor = draw(pick(["account.d1", {"event": event}, {"event": event, "restart": True}]))
    form = {"since": anchor, "within": draw(pick(SMALL))}
    if draw(st.booleans()):
        return {"not_reached": {**form, "milestone": draw(milestones())}}
    return {"not_reached": {**form, "milestones": {"one": draw(milestones()), "two": draw(milestones())}}}


@st.composite
def opens(draw: Draw) -> JsonObject:
    """open."""
    where = [
        {"properties.n": {"at_least": 2}},
        {"properties.t": "a vip"},
        {"properties.due": {"older_than": "2h"}},
        {"properties.due": {"within": "1d", "missing": False}},
        {"not": {"properties.n": {"below": 2, "missing": True}}},
    ]
    form = {
        "by": draw(pick(["properties.k", "properties.k", "properties.i"])),
        "opens": draw(filters(False)),
        "closes": draw(filters(False)),
    }
    bound = {"at_least": draw(pick([1, 1, 2]))} if draw(st.booleans()) else {"at_most": draw(pick([0, 0, 1]))}
    return {"open": {**form, **bound, **given_only(where=maybe(draw, 2, pick(where)), **{"for": maybe(draw, 2, pick(SMALL))})}}


@st.composite
def changes(draw: Draw) -> JsonObject:
    """change."""
    if draw(st.booleans()):
        crosses = draw(pick([{"below": 4}, {"above": 2}, {"at_least": 4}, {"at_most": 2}]))
        return {"change": {"of": draw(pick(["account.seats", "account.used"])), "crosses": crosses}}
    values = pick(["pro", ["free", "pro"], 7, ["free"]])
    return {"change": {"of": "account.plan", **given_only(**{"from": maybe(draw, 2, values), "to": maybe(draw, 2, values)})}}


CRONS = [
    "0 0 * * *",
    "30 2 * * *",
    "*/20 * * * *",
    "0 0 1 * *",
    "15 0-3 * * SUN",
    "0 3 29 3,10 MON",
    "59 23 * * 0,6",
    "0 */6 * * 1-5",
]


@st.composite
def recurring(draw: Draw) -> JsonObject:
    """every."""
    if draw(st.booleans()):
        return {"every": {"cron": draw(pick(CRONS))}}
    return {"every": {"since": draw(pick(["account.d1", "account.d2"])), "each": draw(pick(SMALL))}}


@st.composite
def traits_match(draw: Draw, per: Any = None) -> JsonObject:
    """Matchers of traits; of the user's too, per user."""
    if per == "user" and draw(st.booleans()):
        return {
            "user.role": draw(pick(["admin", {"none_of": ["guest"]}, {"exists": True}, {"equals": "guest", "missing": True}]))
        }
    mapping: JsonObject = {}
    for _ in range(draw(st.integers(1, 2))):
        mapping |= draw(
            pick(
                [
                    {"account.plan": "pro"},
                    {"account.plan": {"none_of": ["free"], "missing": True}},
                    {"account.plan": ["pro", "free"]},
                    {"account.seats": {"at_least": 3}},
                    {"account.used": {"at_least": "50% of account.seats"}},
                    {"account.d1": {"older_than": "1d"}},
                    {"account.d3": {"within": "2h"}},
                    {"not": {"account.plan": "pro"}},
                    {"any": [{"account.plan": "pro"}, {"account.d2": {"older_than": "2h", "missing": False}}]},
                ]
            )
        )
    return mapping


@st.composite
def dates(draw: Draw) -> JsonObject:
    """date."""
    word = draw(pick(["before", "after"]))
    return {"date": {"of": draw(pick(["account.d1", "account.d2"])), word: draw(pick(SMALL))}}


simple_levels = st.one_of(
    counts(),
    counts(),
    shifts(),
    shifts(),
    silences(),
    not_reached(),
    traits_match().map(lambda form: {"trait": form}),
    dates(),
    opens(),
)


@st.composite
def levels(draw: Draw, depth: int = 2) -> JsonObject:
    """A level, mostly a single one."""
    kind = draw(pick(["leaf"] * 5 + ["all", "any", "not"])) if depth else "leaf"
    if kind == "leaf":
        return dict(draw(simple_levels))
    if kind == "not":
        return {"not": draw(levels(depth - 1))}
    return {kind: draw(st.lists(levels(depth - 1), min_size=1, max_size=2))}


@st.composite
def impulses(draw: Draw) -> JsonObject:
    """An impulse, alone or under levels."""
    alone = draw(st.one_of(events(), events(), changes(), recurring(), st.just({"manual": {}})))
    kind = draw(pick(["alone", "alone", "all", "any"]))
    if kind == "alone":
        return dict(alone)
    if kind == "any":
        return {"any": [alone, draw(st.one_of(events(), changes(), recurring()))]}
    return {"all": draw(st.permutations([alone, draw(levels(1))]))}


@st.composite
def events(draw: Draw) -> JsonObject:
    """event."""
    form = draw(filters())
    return {"event": form["of"] if isinstance(form["of"], str) and draw(st.booleans()) else form}


@st.composite
def plays(draw: Draw, name: str, zone: str) -> JsonObject:
    """A play."""
    impulse = draw(pick([False, False, True]))
    when = draw(impulses() if impulse else levels())
    per = maybe(draw, 3, pick(["user", {"by": "properties.k"}]))
    if per == "user" and not impulse and draw(st.integers(1, 4)) == 1:
        when = {"trait": draw(traits_match(per))}
    again = pick(["never", "every time", "every time", "after 1h", "after 2h", "after 1d", "after 3d"])
    return {
        "play": name,
        "timezone": zone,
        "when": when,
        **given_only(
            per=per,
            audience=maybe(draw, 3, traits_match(per)),
            hold=None if impulse else maybe(draw, 3, pick(SMALL)),
            again=maybe(draw, 4, st.none(), draw(again)),
            resolve_when=maybe(draw, 4, st.one_of(levels(1), impulses())),
            max_age=maybe(draw, 3, pick(SMALL)),
        ),
    }


def durations_of(given: list[JsonObject]) -> list[int]:
    """Every duration in the plays, and an hour."""
    words = {word for play in given for _, text in entries(play) if isinstance(text, str) for word in text.split()}
    return sorted({parse_duration(word) for word in words if word[:-1].isdigit() and word[-1] in "smhdw"} | {HOUR})
