"""Which events a backtest takes, and from when to when an account is evaluated. Days are counted from Monday, 2026-01-05."""

from pathlib import Path

import pytest

from services.rules.backtest.replay import unrepeated
from shared.instants import DAY, parse_instant, show_instant
from shared.records import Event
from tests.backtest.story import ask, at, event, iso

QUIET = "{play: quiet, when: {silence: {of: any, for: 14d, since: start}}}"
EACH = "{play: each, when: {event: ping}}"
MICROSECOND = 1 / DAY


# ------------------------------------------------------------------ repeats


def kept(*received: str) -> list[str]:
    """Of the same event, received again and again: the instants at which it was new."""
    events = [Event(id="1", name="x", source="s", account_id="a", received_at=parse_instant(moment)) for moment in received]
    return [show_instant(one.received_at) for one in unrepeated(events)]


def test_a_repeat_is_dropped_in_the_same_month_and_the_next():
    assert kept("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-28T23:59:59.999999Z") == ["2026-01-01T00:00:00Z"]


def test_two_months_later_it_is_a_new_event():
    assert kept("2026-01-31T23:59:59Z", "2026-03-01T00:00:00Z") == ["2026-01-31T23:59:59Z", "2026-03-01T00:00:00Z"]


def test_a_dropped_repeat_does_not_make_the_next_one_a_repeat():
    assert kept("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z") == [
        "2026-01-01T00:00:00Z",
        "2026-03-01T00:00:00Z",
    ]


def test_the_year_ends_like_any_month():
    assert kept("2025-12-31T00:00:00Z", "2026-01-31T00:00:00Z") == ["2025-12-31T00:00:00Z"]
    assert kept("2025-11-30T00:00:00Z", "2026-01-01T00:00:00Z") == ["2025-11-30T00:00:00Z", "2026-01-01T00:00:00Z"]


def test_another_id_or_source_is_another_event(tmp_path: Path):
    events = [
        event("ping", 0, id="1"),
        event("ping", 0, id="1", source="crm"),
        event("ping", 0, id="2"),
        event("ping", 1, id="1"),
    ]
    _, followed = ask(tmp_path, [EACH], events)
    assert [run.opened.event["id"] for run in followed.runs if run.opened.event] == ["1", "1", "2"]


def test_an_event_that_is_new_again_opens_another_run(tmp_path: Path):
    events = [event("ping", 0, id="1"), event("ping", 31, id="1"), event("ping", 59, id="1"), event("pong", 60)]
    play = "{play: each, when: {event: ping}, resolve_when: {event: pong}}"
    assert ask(tmp_path, [play], events)[1].days() == [("a", 0, 60, "resolved"), ("a", 59, 60, "resolved")]


# ------------------------------------------------------------------ where time ends


def test_a_deadline_at_the_last_instant_is_taken(tmp_path: Path):
    # day 0: a pings            day 14: b pings, and a has been silent for exactly 14 days
    _, followed = ask(tmp_path, [QUIET], [event("ping", 0, "a"), event("ping", 14, "b")])
    assert followed.days() == [("a", 14, None, None)]


def test_a_deadline_after_the_last_instant_is_not(tmp_path: Path):
    _, followed = ask(tmp_path, [QUIET], [event("ping", 0, "a"), event("ping", 14 - MICROSECOND, "b")])
    assert followed.days() == []


def test_until_moves_the_end_both_ways(tmp_path: Path):
    events = [event("ping", 0, "a"), event("ping", 20, "b")]
    assert ask(tmp_path, [QUIET], events, until=at(14))[1].days() == [("a", 14, None, None)]
    assert ask(tmp_path, [QUIET], events, until=at(14) - 1)[1].days() == []
    assert ask(tmp_path, [QUIET], events, until=at(34))[1].days() == [("a", 14, None, None), ("b", 34, None, None)]


def test_runs_before_from_are_not_counted_but_their_time_is_lived_through(tmp_path: Path):
    events = [event("ping", 0), event("ping", 20), event("ping", 60)]
    answer, followed = ask(tmp_path, [QUIET], events, since=at(14))
    assert followed.days() == [("a", 14, 20, "cleared"), ("a", 44, 60, "cleared")]
    answer, followed = ask(tmp_path, [QUIET], events, since=at(14) + 1)
    assert followed.days() == [("a", 44, 60, "cleared")]
    assert answer.plays["quiet"].runs == 1
    # From the week of Monday 12 (day 14) to that of day 59.
    assert answer.plays["quiet"].account_weeks == 7


# ------------------------------------------------------------------ where an account starts and ends


def test_an_account_that_never_sends_anything_starts_at_started_at(tmp_path: Path):
    accounts = f"""account_id,started_at
        silent,{iso(3)}
        unknown,"""
    _, followed = ask(tmp_path, [QUIET], [event("ping", 0, "a"), event("ping", 13, "a"), event("ping", 18, "a")], accounts)
    assert followed.days() == [("silent", 17, None, None)]


def test_an_account_that_started_before_the_log_starts_with_the_log(tmp_path: Path):
    accounts = f"""account_id,started_at
        old,{iso(-100)}"""
    _, followed = ask(tmp_path, [QUIET], [event("ping", 0, "a"), event("ping", 14, "a")], accounts)
    assert followed.days() == [("old", 14, None, None)]


def test_nothing_is_evaluated_before_started_at_but_memory_fills(tmp_path: Path):
    accounts = f"""account_id,started_at
        a,{iso(20)}"""
    # Last heard on day 2; true at first sight, on day 20.
    events = [event("ping", 0), event("ping", 2), event("ping", 25, "b")]
    _, followed = ask(tmp_path, [QUIET, EACH], events, accounts)
    assert followed.days() == [("a", 20, None, None), ("b", 25, None, None)]


@pytest.mark.parametrize(
    ("ends", "days"),
    [
        (iso(14), [("a", 14, 14, "ended")]),
        (iso(14, microseconds=-1), []),
        (iso(15), [("a", 14, 15, "ended")]),
        (iso(21), [("a", 14, 20, "cleared")]),
        (iso(50), [("a", 14, 20, "cleared")]),
    ],
)
def test_an_account_ends_with_its_open_runs(tmp_path: Path, ends: str, days: list[tuple[object, ...]]):
    #  day 0      14 ........ 20      30
    #  ping ───── fires       ping    the log ends
    accounts = f"""account_id,ends_at
        a,{ends}"""
    _, followed = ask(tmp_path, [QUIET], [event("ping", 0), event("ping", 20), event("pong", 30, "b")], accounts)
    assert followed.days() == days


def test_an_event_at_the_end_counts_and_one_after_it_does_not(tmp_path: Path):
    accounts = f"""account_id,churned_at
        a,{iso(2)}"""
    events = [event("ping", day) for day in (1, 2, 2 + MICROSECOND, 3)]
    _, followed = ask(tmp_path, [EACH], events, accounts, within={"churned_at": DAY})
    assert followed.days() == [("a", 1, 2, "ended"), ("a", 2, 2, "ended")]


def test_an_account_that_ended_before_it_started_is_not_there(tmp_path: Path):
    accounts = f"""account_id,started_at,ends_at
        a,{iso(5)},{iso(4)}"""
    answer, followed = ask(tmp_path, [EACH], [event("ping", 1), event("ping", 6), event("pong", 7, "b")], accounts)
    assert followed.days() == []
    # Only b's week.
    assert answer.plays["each"].account_weeks == 1


def test_traits_of_the_file_are_known_from_the_first_event_on(tmp_path: Path):
    accounts = """account_id,plan,seats
        a,pro,5
        b,free,5"""
    play = "{play: each, audience: {account.plan: pro, account.seats: {at_least: 5}}, when: {event: ping}}"
    answer, followed = ask(tmp_path, [play], [event("ping", 0, "a"), event("ping", 0, "b"), event("ping", 0, "c")], accounts)
    assert [run.opened.account_id for run in followed.runs] == ["a"]
    assert answer.plays["each"].lacking == {"account.plan": 1, "account.seats": 1}


def test_mode_and_rollout_are_ignored_but_not_the_holdout(tmp_path: Path):
    plays = [
        "{play: draft, mode: draft, when: {event: ping}}",
        "{play: none, rollout: 0%, when: {event: ping}}",
        "{play: held, holdout: 100%, when: {event: ping}}",
    ]
    _, followed = ask(tmp_path, plays, [event("ping", 0)])
    assert sorted((run.opened.play, run.opened.arm) for run in followed.runs) == [
        ("draft", "run"),
        ("held", "holdout"),
        ("none", "run"),
    ]


def test_a_label_is_no_trait(tmp_path: Path):
    accounts = f"""account_id,churned_at
        a,{iso(9)}"""
    play = "{play: each, audience: {account.churned_at: {exists: true}}, when: {event: ping}}"
    assert len(ask(tmp_path, [play], [event("ping", 0)], accounts)[1].runs) == 1
    assert len(ask(tmp_path, [play], [event("ping", 0)], accounts, within={"churned_at": DAY})[1].runs) == 0


def test_the_order_of_lines_changes_nothing(tmp_path: Path):
    events = [event("ping", day, account, id=f"{account}{day}") for day in (0, 1, 20, 21) for account in "cab"]
    forwards = ask(tmp_path, [QUIET, EACH], events)[1].runs
    backwards = ask(tmp_path, [QUIET, EACH], events[::-1])[1].runs
    assert forwards == backwards
    assert len(forwards) == 15
