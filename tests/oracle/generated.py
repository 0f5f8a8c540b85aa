"""Logs that are biased to trouble: everything happens on a boundary of the plays or one microsecond beside it."""

from hypothesis import strategies as st

from shared.instants import DAY, HOUR, Instant, parse_instant, show_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, as_json
from tests.oracle.days import Buckets
from tests.oracle.generated_plays import NAMES, PLACES, Draw, durations_of, maybe, pick, plays


@st.composite
def instants_after(draw: Draw, instant: Instant, durations: list[int], zone: str) -> Instant:
    """A later instant, or the same: on a boundary or beside it."""
    kind = draw(pick(["same", "duration", "duration", "hour", "day", "some"]))
    if kind == "same":
        return instant
    if kind == "some":
        return int(instant + draw(st.integers(0, 6 * 60)) * 60_000_000)
    if kind == "duration":
        reached = instant + draw(pick(durations))
    else:
        buckets = Buckets(kind == "day", zone)
        reached = buckets.after(buckets.begin(instant))
    return max(instant, int(reached + draw(pick([0, 0, 1, -1]))))


def instant_apart(moment: Instant, now: Instant) -> Instant:
    """The same instant, unless it lies ahead: then apart from all others.

    `within` is true at the instant itself, so a deadline one microsecond before it, evaluated at it, would see it too soon.
    """
    return moment if moment <= now else moment // 1000 * 1000 + 500


@st.composite
def told(draw: Draw, around: Instant, durations: list[int]) -> JsonObject:
    """Traits that an event tells; null takes one away."""
    moment = around + draw(pick([0, 1, -1])) + draw(pick([1, -1])) * draw(pick([0, *durations]))
    apart = show_instant(instant_apart(moment, around))
    date = pick([show_instant(moment), show_instant(moment), show_instant(moment)[:10], None, "soon"])
    return dict(
        draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "plan": pick(["pro", "free", None, 7]),
                    "seats": pick([2, 4, 6, None]),
                    "used": pick([1, 2, 3]),
                    "d1": date,
                    "d2": date,
                    "d3": pick([apart, apart, None, "soon"]),
                    "other": st.just(1),
                },
            )
        )
    )


@st.composite
def occurrences(draw: Draw, received: Instant, seen: list[Instant], durations: list[int]) -> Instant:
    """When it occurred: mostly when it was received, else earlier: by a duration or beside it, or with another event."""
    if draw(pick([True, True, False])):
        return received
    if draw(st.booleans()):
        return int(draw(pick(seen)))
    late = draw(pick([HOUR, DAY, 7 * DAY, *durations])) + draw(pick([0, 1, -1]))
    return int(max(late, 0) * -1 + received)


@st.composite
def starts(draw: Draw, received: Instant, durations: list[int], first: bool) -> JsonObject:
    """`started_at`, before, at or after the first event; sometimes told, or taken away, later."""
    if first and draw(st.integers(1, 3)) == 1:
        off = draw(pick([0, 0, *durations, *(-one for one in durations)])) + draw(pick([0, 1, -1]))
        return {"started_at": show_instant(received + off)}
    if not first and draw(st.integers(1, 20)) == 1:
        return {"started_at": draw(pick([None, show_instant(received - draw(pick([0, *durations])))]))}
    return {}


@st.composite
def logs(draw: Draw, begin: Instant, durations: list[int], zone: str) -> list[Event]:
    """A log in the order of the log."""
    accounts = draw(pick([["acme"], ["acme"], ["acme", "bolt", "crag"]]))
    log: list[Event] = []
    seen = [begin]
    for number in range(draw(st.integers(1, 30))):
        after = draw(instants_after(draw(pick(seen[-4:])), durations, zone))
        seen.append(max(after, seen[-1]))
        account = draw(pick(accounts))
        traits = maybe(draw, 3, told(seen[-1], durations), {})
        traits |= draw(starts(seen[-1], durations, account not in {one.account_id for one in log}))
        due = seen[-1] + draw(pick([0, 1, -1])) + draw(pick([1, -1])) * draw(pick([0, *durations]))
        properties = {
            "n": pick([0, 1, 2, 3, 2.5, "bad", None]),
            "k": pick(["p", "q"]),
            "i": pick([1, 2, "1"]),
            "t": pick(["a vip", "b1", "qp", 7, ["vip"], None]),
            "due": pick([show_instant(instant_apart(due, seen[-1])), "soon", None]),
            "play": pick(["p0", "p1"]),
        }
        log.append(
            Event(
                id=f"e{number}",
                name=draw(pick([*NAMES, *NAMES, "a.x", "play.started"])),
                source="test",
                account_id=account,
                user_id=draw(pick([None, "u1", "u1", "u2"])),
                occurred_at=draw(occurrences(seen[-1], seen, durations)),
                received_at=seen[-1],
                properties_json=as_json(draw(st.fixed_dictionaries({}, optional=properties))),
                traits=traits or None,
                user_traits=maybe(draw, 6, st.fixed_dictionaries({"role": pick(["admin", "guest", None])})),
            )
        )
    return log


@st.composite
def stories(draw: Draw) -> tuple[Applied, list[Event], Instant]:
    """Plays, a log and when to stop."""
    zone, text = draw(pick(PLACES))
    begin = parse_instant(text)
    given = [draw(plays(f"p{number}", zone)) for number in range(draw(pick([1, 1, 1, 2])))]
    durations = durations_of(given)
    log = draw(logs(begin, durations, zone))
    until = draw(instants_after(log[-1].received_at, [*durations, 3 * DAY], zone))
    listening = maybe(draw, 4, st.dictionaries(pick(NAMES), pick([begin + off for off in (0, 1, HOUR, DAY)]), max_size=2), {})
    record = Applied(
        plays=[AppliedPlay(play=play["play"], version=1, document=play) for play in given],
        listening=listening,
        listening_since=begin - draw(pick([0, 0, HOUR, DAY, 30 * DAY])),
    )
    return record, log, until
