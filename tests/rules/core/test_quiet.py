"""Quiet events: those that are only counted are counted where they belong, and what follows from them later is the same."""

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account
from shared.instants import DAY
from tests.rules.timeline import START, applied, at, day_of, event, fired_on, lived

DROP = {"when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "40%", "floor": 5}}}
SILENCE = {"when": {"silence": {"of": "user.login", "for": "14d"}}}


def exports(*days):
    return [event("report.exported", day) for day in days]


def test_an_event_at_the_end_of_the_open_day_belongs_to_the_next():
    #  noon and midnight: two a day, 14 a week. The last midnight, 36, is in the week before 40 but not in that before 39.
    noons, midnights = [day + 0.5 for day in range(36)], range(1, 37)
    assert fired_on(DROP, *exports(*noons, *midnights), until=60) == [40]
    assert fired_on(DROP, *exports(*noons, *(day - 1e-6 for day in midnights)), until=60) == [39]


def test_what_comes_late_counts_in_its_day_for_what_is_decided_from_then_on():
    steady = exports(*(day + 0.5 for day in range(36)))
    assert fired_on(DROP, *steady, until=60) == [39]
    assert fired_on(DROP, *steady, event("report.exported", 34.2, heard=35.95), until=60) == [40]


def test_a_login_moves_the_deadline_whether_or_not_it_was_looked_at():
    logins = [event("user.login", day) for day in (0, 5, 5.1, 13.9)]
    assert fired_on(SILENCE, *logins, until=27.8) == []
    assert lived(SILENCE, *logins, event("user.login", 30), until=40) == [(27.9, 30, "cleared")]


def test_an_account_that_was_too_small_is_looked_at_again_from_the_export_on_that_makes_it_large_enough():
    few = exports(0, *(36 + hour / 24 for hour in range(1, 21)))
    assert fired_on(DROP, *few, until=70) == [44]
    assert fired_on(DROP, *few[:-1], until=70) == []


def test_what_no_filter_lets_through_is_not_counted():
    play = {"when": {"count": {"of": "ticket.created", "where": {"properties.priority": "urgent"}, "over": "7d", "at_least": 2}}}
    heard = [event("ticket.created", day, priority=priority) for day, priority in ((0, "low"), (1, "urgent"), (2, "low"))]
    assert fired_on(play, *heard, until=9) == []
    assert lived(play, *heard, event("ticket.created", 3, priority="urgent"), until=9) == [(3, 8, "cleared")]


def test_a_burst_is_a_drop_once_its_day_has_left_the_last_week():
    #  two a day, 14 a week; 38 more on day 36: from 44 on they raise the baseline to 23.5, and the week has 14 again
    steady, burst = exports(*(day / 2 for day in range(1, 140))), exports(*(36 + minute / 1440 for minute in range(60)))
    assert fired_on(DROP, *steady, *burst[:38], until=60) == [44]
    assert fired_on(DROP, *steady, *burst[:37], until=60) == []


def test_a_burst_that_is_heard_of_late_is_a_drop_at_the_next_midnight():
    steady = exports(*(day / 2 for day in range(1, 140)))
    late = [event("report.exported", 30 + minute / 1440, heard=38.3) for minute in range(60)]
    assert fired_on(DROP, *steady, *late[:38], until=60) == [39]
    assert fired_on(DROP, *steady, *late[:37], until=60) == []


def test_what_is_no_drop_any_more_is_told_at_the_next_midnight_also_where_the_play_is_false_while_it_is_one():
    #  two a day up to 36, a drop on 39, many on that very day: 40 is the first midnight without one, and the silence begins later
    silent = {"silence": {"of": "user.login", "for": "5d"}}
    play = {"when": {"any": [{"not": DROP["when"]}, silent]}, "again": "every time"}
    steady, many = exports(*(day / 2 for day in range(1, 72))), exports(*(39.5 + minute / 1440 for minute in range(20)))
    assert lived(play, *steady, event("user.login", 36.5), *many, until=41) == [(36, 39, "cleared"), (40, None, None)]


def test_an_account_that_exports_steadily_is_not_looked_at_at_each_midnight():
    record, account, effects = applied(DROP), Account("acme", START, {}), Effects()
    engine = Engine(record)
    met = set()
    for one in exports(*(day / 2 for day in range(140))):
        engine.take(account, one, effects)
        met.add(account.subjects[ITSELF].next_deadline)
    #  known from day 35 on; without another export it would drop four days after each look
    assert sorted(day_of(deadline) for deadline in met if deadline and deadline >= at(35))[:4] == [35, 39, 43, 47]


def test_the_first_export_at_a_midnight_and_one_just_before_it_each_count_in_their_day():
    account, engine, effects = Account("acme", START, {}), Engine(applied(DROP)), Effects()
    for one in (event("page.viewed", 0), event("page.viewed", 1), event("report.exported", 36)):
        engine.take(account, one, effects)
    engine.take(account, event("report.exported", 36 - 1e-6, heard=36), effects)
    (counts,) = account.subjects[ITSELF].metrics.values()
    assert counts[1:] == [1, 1]
    assert day_of(counts[0] * DAY) == 35
