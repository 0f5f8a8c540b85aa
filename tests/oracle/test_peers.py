"""Comparison with peers against an independent reading of it, in one, two and four partitions."""

from hypothesis import given
from hypothesis import strategies as st

from services.rules.core.effects import Effects
from shared.instants import DAY, HOUR, parse_instant
from shared.records import Applied, AppliedPlay, Event, as_json
from tests.oracle.conftest import examples
from tests.oracle.peers import Found, Peers
from tests.rules.compared import side_by_side

pick = st.sampled_from
PLACES = [
    ("UTC", "2026-01-01T00:00:00Z"),
    ("Europe/Berlin", "2026-03-26T23:00:00Z"),
    ("America/New_York", "2026-10-29T04:00:00Z"),
]
ACCOUNTS = ("a", "bb", "ccc", "dddd", "eeeee")


@st.composite
def conditions(draw):
    """behind, or an adjusted drop or rise, of days, counts or sums."""
    measure = draw(pick(["count", "days", {"sum": "properties.n"}]))
    form = {"of": draw(pick(["a.x", "any", ["a.x", "b.x"]])), "measure": measure, "over": draw(pick(["2d", "2d", "3d"]))}
    if draw(st.integers(1, 4)) == 1:
        form["where"] = {"properties.n": {"at_least": 0.2}}
    floor = draw(pick([{}, {}, {"floor": 1}, {"floor": 0.5}]))
    if draw(st.booleans()):
        peers = draw(pick(["all", "account.plan"]))
        return {"behind": {**form, **floor, "peers": peers, "at_most": draw(pick(["0%", "50%", "80%", "100%"]))}}
    form["baseline"] = {"2d": draw(pick(["2d", "4d"])), "3d": "3d"}[form["over"]]
    adjust = draw(pick(["peers", {"peers": "account.plan"}]))
    return {draw(pick(["drop", "drop", "rise"])): {**form, **floor, "by": draw(pick(["20%", "50%", "100%"])), "adjust": adjust}}


@st.composite
def stories(draw):
    """A play, a log in order of time and when it ends: all at midnight, beside it, or hours later; some heard late."""
    zone, text = draw(pick(PLACES))
    begin = parse_instant(text)
    audience = draw(pick([{}, {}, {"account.vip": True}, {"account.plan": ["p", "q"]}]))
    play = {"play": "p0", "timezone": zone, "again": "every time", "when": draw(conditions())}
    play |= {"audience": audience} if audience else {}
    # A day of 23 or 25 hours is among them; its midnights are not where these are, and that is as good.
    offsets = pick([0, 0, 1, -1, HOUR, 5 * HOUR, 13 * HOUR])
    instants = [begin + draw(st.integers(0, 11)) * DAY + max(draw(offsets), 0) for _ in range(draw(st.integers(5, 45)))]
    log, known = [], set()
    for number, received in enumerate(sorted(instants)):
        account = draw(pick(ACCOUNTS))
        traits = draw(
            pick([{}, {}, {}, {"plan": "p"}, {"plan": "q"}, {"plan": None}, {"vip": True}, {"vip": False}, {"other": 1}])
        )
        if account not in known:
            traits = {"vip": True, **draw(pick([{"plan": "p"}, {"plan": "q"}, {}])), **traits}
            # Known before the log began: then its first days are complete.
            traits |= draw(pick([{}, {"started_at": "2025-01-01"}]))
            known.add(account)
        late = draw(pick([0, 0, 0, 1, HOUR, DAY, DAY + 1, 3 * DAY]))
        log.append(
            Event(
                id=f"e{number}",
                name=draw(pick(["a.x", "a.x", "b.x", "c.x"])),
                source="test",
                account_id=account,
                occurred_at=received - late,
                received_at=received,
                properties_json=as_json({"n": draw(pick([0.1, 0.3, 2, 2.5, 7, "bad"]))}),
                traits=traits or None,
            )
        )
    since = begin - draw(pick([0, 30 * DAY, 30 * DAY]))
    applied = Applied(plays=[AppliedPlay(play="p0", version=1, document=play)], listening_since=since)
    return applied, log, log[-1].received_at + draw(pick([0, 1, DAY, 4 * DAY]))


def found(effects: Effects) -> list[Found]:
    ends = {end.run_id: (end.resolved_at, end.reason) for end in effects.resolved}
    return sorted(
        (Found(one.account_id, one.opened_at, one.evidence, *ends.get(one.run_id, (None, None))) for one in effects.opened),
        key=repr,
    )


@examples(250)
@given(stories(), pick([1, 2, 4]))
def test_every_run_and_number_is_as_the_definitions_have_it(story, partitions):
    applied, log, until = story
    expected = Peers(applied.plays[0].document, log, until, applied.listening_since).runs()
    assert found(side_by_side(applied, log, until, partitions)) == sorted(expected, key=repr)


@examples(100)
@given(stories())
def test_the_number_of_partitions_changes_nothing(story):
    applied, log, until = story
    assert found(side_by_side(applied, log, until, 2)) == found(side_by_side(applied, log, until, 4))
