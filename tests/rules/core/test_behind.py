"""behind, and drops beyond what peers did: on days that are over one day before the boundary."""

import pytest
from pydantic import ValidationError

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.explain import explain
from services.rules.core.play import Play
from services.rules.core.state import ITSELF, Account
from tests.rules import timeline
from tests.rules.compared import side_by_side
from tests.rules.timeline import applied, at, day_of, event

BEHIND = {"of": "report.exported", "measure": "days", "over": "2d", "peers": "all", "at_most": "25%"}
DROP = {"of": "report.exported", "over": "2d", "baseline": "4d", "by": "50%", "adjust": "peers"}


def exports(account, *days, each=1):
    return [event("report.exported", day + 0.5 + n / 1e4, account=account) for day in days for n in range(each)]


def crowd(*days, names=("bolt", "crag", "dune"), each=1):
    return [one for name in names for one in exports(name, *days, each=each)]


def told(account, day, **traits):
    return event("account.updated", day, account=account, traits=traits)


def runs(form, *events, until, partitions=1, **play):
    kind = "drop" if "baseline" in form else "behind"
    record = applied({"when": {kind: form}, "again": "every time", **play})
    return side_by_side(record, events, at(until), partitions)


def fired_on(form, *events, until, **more):
    return [day_of(run.opened_at) for run in runs(form, *events, until=until, **more).opened]


def test_fires_at_the_midnight_before_which_the_days_up_to_one_earlier_show_it():
    #  day  0    1    2    3    4    5
    #  acme x    x    x    -    -
    #  all  x    x    x    x    x          at 6 the days 3 and 4 are compared: none of 1.5
    assert fired_on(BEHIND, *exports("acme", 0, 1, 2), *crowd(*range(8)), until=5) == []
    assert fired_on(BEHIND, *exports("acme", 0, 1, 2), *crowd(*range(8)), until=6) == [6]


def test_everybody_on_holiday_is_nobody_behind():
    assert fired_on(BEHIND, *exports("acme", 0, 1, 2), *crowd(0, 1, 2), until=12) == []


def test_clears_when_the_account_is_with_its_peers_again():
    effects = runs(BEHIND, *exports("acme", 0, 1, 2, 6, 7), *crowd(*range(12)), until=12)
    # The first day with an export, 6, is compared at 8: one of two days is more than a quarter.
    assert [day_of(end.resolved_at) for end in effects.resolved] == [8]


def test_exactly_the_share_is_behind():
    #  4 accounts, of which acme exports 1 a day and the others 5: the average is 4
    steady = [*exports("acme", *range(9)), *crowd(*range(9), each=5)]
    counted = {**BEHIND, "measure": "count"}
    assert fired_on(counted, *steady, until=5) == [4]
    assert fired_on({**counted, "at_most": "24.99%"}, *steady, until=9) == []


def test_the_average_is_at_least_the_floor():
    log = [*exports("acme", 0), *crowd(*range(9))]
    assert fired_on({**BEHIND, "floor": 1.5}, *log, until=9) == [4]
    assert fired_on({**BEHIND, "floor": 1.51}, *log, until=9) == []


def test_peers_are_those_with_the_same_value():
    pro = [told(name, 0.1, plan="pro") for name in ("acme", "bolt")]
    free = [told(name, 0.1, plan="free") for name in ("crag", "dune")]
    log = [*exports("acme", 0), *exports("bolt", *range(9)), *crowd(0, names=("crag", "dune"))]
    play = {**BEHIND, "peers": "account.plan"}
    assert [run.account_id for run in runs(play, *pro, *free, *log, until=9).opened] == ["acme"]
    assert fired_on(play, *log, until=9) == [], "nobody has the trait"


def test_only_the_audience_are_peers():
    log = [*exports("acme", 0), *crowd(*range(9))]
    live = [told(name, 0.1, stage="live") for name in ("acme", "bolt")]
    test = [told(name, 0.1, stage="test") for name in ("crag", "dune")]
    (run,) = runs(BEHIND, *log, *live, *test, until=9, audience={"account.stage": "live"}).opened
    # Of acme and bolt: on the days 1 and 2 half of them were active.
    assert (run.account_id, run.evidence) == ("acme", {"behind": 0.0, "current": 0, "peers": 1.0})


def test_who_is_a_peer_when_the_day_ends_takes_the_whole_day_along():
    log = [*exports("acme", 0), *crowd(*range(9))]
    moved = [told("bolt", 1.9, plan="b"), told("acme", 0.1, plan="a"), told("crag", 0.1, plan="a"), told("bolt", 0.1, plan="a")]
    (run, *_) = runs({**BEHIND, "peers": "account.plan"}, *log, *moved, until=9).opened
    assert run.evidence["peers"] == 1.0, "of acme and crag alone, on both days"


def test_what_is_heard_after_the_day_was_closed_is_not_in_its_totals():
    log = [*exports("acme", 0), *exports("bolt", *range(9))]
    late = [event("report.exported", 1.6, heard=2.0, account="acme")]
    later = [event("report.exported", 1.6, heard=2.0 + 1e-6, account="acme")]
    (on_time,) = runs({**BEHIND, "at_most": "100%"}, *log, *late, until=4).opened
    assert on_time.evidence == {"behind": 0.666667, "current": 1, "peers": 1.5}
    (too_late,) = runs({**BEHIND, "at_most": "100%"}, *log, *later, until=4).opened
    assert too_late.evidence == {"behind": 1.0, "current": 1, "peers": 1.0}


def test_a_drop_that_all_have_is_none():
    steady = [*exports("acme", *range(8), each=4), *crowd(*range(8), each=4)]
    holiday = [*exports("acme", *range(8, 16), each=1), *crowd(*range(8, 16), each=1)]
    plain = {key: value for key, value in DROP.items() if key != "adjust"}
    assert timeline.fired_on({"when": {"drop": plain}}, *steady, *holiday, until=12) == [10] * 4
    assert fired_on(DROP, *steady, *holiday, until=16) == []


def test_a_drop_beyond_what_peers_have_is_one():
    log = [*exports("acme", *range(8), each=4), *crowd(*range(16), each=4), *crowd(*range(4), names=("acme2",))]
    (run,) = [run for run in runs(DROP, *log, until=11).opened if run.account_id == "acme"]
    assert day_of(run.opened_at) == 11
    assert {key: run.evidence[key] for key in ("drop", "current", "baseline")} == {"drop": 1.0, "current": 0, "baseline": 8.0}


def test_a_rise_is_held_against_what_peers_have_left():
    rise = {"of": "report.exported", "over": "2d", "baseline": "4d", "by": "100%", "adjust": "peers"}
    log = [*exports("acme", *range(14), each=2), *crowd(*range(8), each=2)]
    record = applied({"when": {"rise": rise}})
    (run,) = side_by_side(record, log, at(14), 1).opened
    # At 11 the peers' average fell to a quarter: acme alone still exports.
    assert (day_of(run.opened_at), run.evidence["peers"], run.evidence["rise"]) == (11, 0.25, 3.0)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_it_is_the_same_in_any_number_of_partitions(partitions):
    log = [*exports("acme", 0, 1, 2), *exports("bo", *range(9)), *exports("cat", *range(9)), *exports("ducks", 0, 7)]
    found = {(run.account_id, day_of(run.opened_at)) for run in runs(BEHIND, *log, until=9, partitions=partitions).opened}
    assert found == {("acme", 6), ("ducks", 4)}


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ({"behind": {**BEHIND, "over": "36h"}}, "over is 2d or more"),
        ({"behind": {**BEHIND, "measure": "users"}}, "count, days or a sum"),
        ({"behind": {**BEHIND, "peers": "user.role"}}, "peers are accounts"),
        ({"behind": {**BEHIND, "over": "50h"}}, "whole number of days"),
        ({"drop": {**DROP, "measure": {"max": "properties.n"}}}, "count, days or a sum"),
        ({"drop": {**DROP, "over": "1d"}}, "over is 2d or more"),
    ],
)
def test_what_cannot_be_compared_is_refused(when, reason):
    with pytest.raises(ValidationError, match=reason):
        Play.model_validate({"play": "p", "when": when})


def test_users_have_no_peers():
    with pytest.raises(ValidationError, match="per is account"):
        Play.model_validate({"play": "p", "per": "user", "when": {"behind": BEHIND}})


def words(kind, form, *events, known, now):
    """What is said of acme on day `now`, once the totals of the days in `known` are there."""
    engine, effects = Engine(applied({"when": {kind: form}})), Effects()
    ((key, group),) = engine.peers.items()
    for day, (members, amount) in known.items():
        engine.totals.put(key, group.calendar.number(at(day)), {"all": (members, amount * 1_000_000)})
    account = Account("acme", at(0), {})
    for one in events:
        engine.take(account, one, effects)
    engine.pass_time(account, at(now), effects)
    (play,), document = engine.plays, account.subjects[ITSELF]
    view = engine.view(account, ITSELF, None, at(now))
    return explain(play, document.plays[play.name], document.metrics, view, at(now)).condition.words


def test_says_what_the_account_did_and_what_its_peers_did():
    log, known = exports("acme", 0, 2), {1: (4, 6), 2: (4, 4)}
    assert words("behind", BEHIND, *log, known=known, now=4.5) == (
        "1 day with report.exported in the 2 days before 2026-01-04 00:00Z against the peers' average of 2.5; "
        "at most 25% of it, and an average of 0, are asked for"
    )
    assert words("behind", BEHIND, *log, known={1: (4, 6)}, now=4.5) == (
        "what peers did in the 2 days before 2026-01-04 00:00Z is not known"
    )
    assert words("behind", BEHIND, *log, known=known, now=2.5) == (
        "heard since only 2026-01-01 00:00Z: it can be said from 2026-01-04 00:00Z on"
    )
    assert words("behind", {**BEHIND, "peers": "account.plan"}, *log, known=known, now=4.5) == (
        "account.plan is missing: there is nobody to compare with"
    )


def test_says_by_how_much_peers_fell():
    log, known = exports("acme", *range(5), each=4), dict.fromkeys(range(1, 6), (2, 8)) | {6: (2, 4)}
    assert words("drop", DROP, *log, known=known, now=8.5) == (
        "0 report.exported in the 2 days before 2026-01-08 00:00Z against 8 per 2 days before, of which peers kept 75%: "
        "6; 50% is asked for"
    )
    assert words("drop", DROP, *log, known={}, now=8.5) == "what peers did is not known"
    assert words("drop", {**DROP, "floor": 9}, *log, known=known, now=8.5).endswith("a floor of 9 is asked for")
