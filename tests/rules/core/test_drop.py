"""Drop: the last week against the average week of the four before."""

from services.rules.core.condition import kinds
from tests.rules.timeline import event, fired_on, lived, runs

DROP = {"when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "40%", "floor": 5}}}


def exports(first, last, *, each=1, hour=12):
    """`each` exports on every day from first to last."""
    return [event("report.exported", day + hour / 24 + n / 1e5) for day in range(first, last + 1) for n in range(each)]


def test_fires_at_the_boundary_where_the_week_has_fallen():
    #  1 a day for 36 days, then nothing: of the last 7 days 3 are empty at the boundary 39: 4 against 7 is 43%
    assert fired_on(DROP, *exports(0, 35), until=60) == [39]


def test_is_unknown_until_it_has_heard_the_whole_baseline():
    # The account starts at noon of day 0, so its first complete baseline begins on day 1.
    assert fired_on(DROP, *exports(0, 28), until=34) == []
    assert fired_on(DROP, *exports(0, 28), until=36) == [36]


def test_exactly_by_is_enough():
    play = {"when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "50%", "floor": 14}}}
    steady = exports(0, 34, each=2)
    assert fired_on(play, *steady, *exports(35, 41, each=1), until=42) == [42]
    assert fired_on(play, *steady, *exports(35, 40, each=1), until=41) == []


def test_below_the_floor_nobody_is_judged():
    assert fired_on({"when": {"drop": {**DROP["when"]["drop"], "floor": 8}}}, *exports(0, 35), until=60) == []


def test_the_baseline_stays_while_it_is_true():
    #  7 a week, then 3 a week for ever: its own baseline would sink to 3; the kept one is 7
    weekly = [event("report.exported", 36 + 7 * week + n + 0.5) for week in range(10) for n in range(3)]
    assert [end for _, end, _ in lived(DROP, *exports(0, 35), *weekly, until=105)] == [None]


def test_it_clears_when_current_is_back_inside_the_bound():
    assert lived(DROP, *exports(0, 35), *exports(45, 80), until=60) == [(39, 50, "cleared")]


def test_a_baseline_kept_for_ninety_days_is_given_up():
    ((opened, resolved, why),) = lived(DROP, *exports(0, 35), until=200)
    assert (opened, resolved, why) == (39, 39 + 91, "expired")


def test_a_baseline_that_begins_anew_is_kept_for_another_ninety_days():
    # 0.5 a week is the baseline of day 114, because of the one on day 100; a week later it would be nothing.
    drop = {"when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "14d", "by": "20%"}}}
    assert lived(drop, *exports(0, 20), *exports(100, 100), until=250) == [(23, 23 + 91 + 91, "expired")]


def test_a_kept_baseline_without_a_current_value_does_not_hold_time_up():
    rise = {"of": "ticket.created", "measure": {"max": "properties.size"}, "over": "7d", "baseline": "28d", "by": "100%"}
    sizes = [event("ticket.created", day, size=size) for day, size in [*((day, 1) for day in range(0, 36, 7)), (37, 5)]]
    # From day 45 on there is no value, which is unknown; the ninety days are over on day 128.
    assert lived({"when": {"rise": rise}}, *sizes, event("page.viewed", 150), until=200) == [(38, None, None)]


def test_a_late_event_counts_at_the_next_boundary():
    late = [event("report.exported", 36.5 + n / 100, heard=38.7) for n in range(3)]
    assert fired_on(DROP, *exports(0, 35), *late, until=41) == []


def test_what_was_decided_at_a_boundary_stands_until_the_next():
    at_a_visit = {"when": {"all": [{"event": "user.login"}, DROP["when"]]}}
    late = [event("report.exported", 40.5 + n / 100, heard=41.2) for n in range(5)]
    visits = [event("user.login", 41.3), event("user.login", 42.3)]
    assert fired_on(at_a_visit, *exports(0, 35), *late, *visits, until=50) == [41.3]


def test_a_start_that_is_told_later_counts_at_the_next_boundary():
    told = event("account.updated", 50.5, traits={"started_at": "2026-01-01"})
    assert fired_on(DROP, *exports(20, 42), until=60) == [56]
    assert fired_on(DROP, *exports(20, 42), told, until=60) == [51]


def test_shows_its_numbers():
    (run,) = runs(DROP, *exports(0, 35), until=60)
    assert run.evidence == {"drop": 0.428571, "current": 4, "baseline": 7.0}


def test_days_of_a_zone_begin_at_its_midnight():
    play = {"timezone": "America/New_York", **DROP}
    assert [round(day * 24, 4) for day in fired_on(play, *exports(0, 35), until=60)] == [39 * 24 + 5]


def test_every_kind_has_a_form():
    assert {"all", "any", "count", "date", "drop", "event", "not", "not_reached", "rise", "silence", "trait"} <= set(kinds())
