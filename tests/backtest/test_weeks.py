"""What one account's weeks and runs count. Day 0 is a Monday; weeks begin on days 0, 7, 14, ..."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.rules.backtest.replay import Past, PastRun
from services.rules.backtest.weeks import LabelTally, Tally, tally, weeks_of
from services.rules.core.state import Account
from shared.instants import DAY, Instant
from shared.records import RunOpened
from tests.backtest.story import at

FOREVER = 70.0


def run(opened: float, resolved: float | None = None) -> PastRun:
    record = RunOpened(run_id=f"r{opened}", play="p", version=1, account_id="a", subject="a", opened_at=at(opened))
    return PastRun(record, None if resolved is None else at(resolved))


def counted(
    *runs: PastRun,
    begin: float = 0,
    end: float = FOREVER,
    impulse: bool = False,
    since: Instant = 0,
    labels: Mapping[str, float] | None = None,
    within: int = 30,
) -> Tally:
    moments = {name: at(day) for name, day in (labels or {}).items()}
    past = Past(
        account=Account("a", at(begin), {}),
        begin=at(begin),
        end=at(end),
        until=at(FOREVER),
        events=0,
        runs=list(runs),
        labels=moments,
    )
    return tally(past, runs, impulse=impulse, since=since, within=dict.fromkeys(moments, within * DAY))


def churn(*runs: PastRun, day: float, **more: Any) -> LabelTally:
    return counted(*runs, end=min(day, FOREVER), labels={"churned": day}, **more).labels["churned"]


@pytest.mark.parametrize(
    ("begin", "end", "mondays"),
    [(0, 7, [0]), (0, 7.1, [0, 7]), (3, 6, [0]), (6.9, 7.1, [0, 7]), (7, 7, [7]), (3, 3, [0]), (5, 4, []), (-1, 0, [-7])],
)
def test_weeks_begin_on_mondays_and_count_where_they_overlap(begin: float, end: float, mondays: list[int]):
    assert weeks_of(at(begin), at(end)) == [at(monday) for monday in mondays]


@pytest.mark.parametrize(
    ("opened", "resolved", "weeks"),
    [(1, 2, 1), (1, 7, 1), (1, 7.1, 2), (6, 22, 4), (7, 7, 1), (7, None, 9), (69.9, None, 1)],
)
def test_a_level_flags_every_week_in_which_its_run_is_open(opened: float, resolved: float | None, weeks: int):
    assert counted(run(opened, resolved)).flagged_weeks == weeks


def test_an_impulse_flags_the_week_in_which_it_opened():
    assert counted(run(1), run(2), run(8), impulse=True).flagged_weeks == 2


def test_two_runs_in_one_week_flag_it_once():
    found = counted(run(1, 2), run(3, 4), run(8, 9))
    assert (found.weeks, found.runs, found.flagged_weeks) == (10, 3, 2)


def test_before_from_runs_do_not_count_but_may_still_be_open_after_it():
    found = counted(run(1, 10), run(15, 16), since=at(7))
    assert (found.weeks, found.runs, found.flagged_weeks) == (9, 1, 2)


@pytest.mark.parametrize(("day", "weeks"), [(30, 5), (37, 5), (37.1, 4), (10, 2), (7, 1), (35.1, 5)])
def test_a_week_is_positive_when_the_label_follows_its_start_in_time(day: float, weeks: int):
    # Of a label on day 37 the weeks of days 7 to 35; the account ends with its label.
    assert churn(day=day).positive_weeks == weeks


def test_a_run_hits_when_the_label_follows_it_in_time():
    assert churn(run(10, 11), run(9.9, 10), run(40, 40), day=40).hits == 2
    assert churn(run(10, 11), day=40, within=29).hits == 0


def test_flagged_and_positive():
    assert churn(run(8, 9), run(36, 40), day=40).flagged_positive_weeks == 1
    assert churn(run(16, 17), run(36, 40), day=40).flagged_positive_weeks == 2


@pytest.mark.parametrize(("opened", "lead"), [(40 - 7, 7), (40 - 6.9, None), (40 - 20, 20), (0, 40)])
def test_caught_is_a_run_early_enough_to_act_on(opened: float, lead: float | None):
    found = churn(run(opened, opened), day=40)
    assert (found.labelled, found.caught, found.lead_days) == (1, int(lead is not None), lead)


def test_caught_is_no_run_too_long_ago():
    assert churn(run(5, 6), day=65).caught == 1
    assert churn(run(4.9, 6), day=65).caught == 0
    # The first of those in time counts.
    assert churn(run(4, 5), run(25, 26), run(50, 51), day=65).lead_days == 40


def test_a_label_before_the_account_was_evaluated_does_not_count():
    found = counted(run(20, 21), begin=10, labels={"churned": 9}).labels["churned"]
    assert found == LabelTally()


def test_a_label_after_the_end_of_time_makes_weeks_positive_but_is_not_to_be_caught():
    found = counted(run(60, 61), labels={"churned": FOREVER + 5}).labels["churned"]
    assert (found.labelled, found.caught, found.hits, found.positive_weeks) == (0, 0, 1, 3)
