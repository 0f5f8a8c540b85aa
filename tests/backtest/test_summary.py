import msgspec
import pytest

from services.rules.backtest.goals import GoalTally
from services.rules.backtest.summary import PlayFigures, summarize
from services.rules.backtest.weeks import LabelTally, Tally
from shared.instants import DAY

WITHIN = {"churned": 30 * DAY}


def account(weeks: int = 10, runs: int = 0, flagged: int = 0, **label: float | None) -> Tally:
    return Tally(weeks=weeks, runs=runs, flagged_weeks=flagged, labels={"churned": LabelTally(**label)})  # type: ignore[arg-type]


# Four of forty weeks are positive; of four runs two hit; of five flagged weeks two are positive.
ACCOUNTS = [
    account(runs=2, flagged=2, positive_weeks=4, flagged_positive_weeks=2, hits=2, labelled=1, caught=1, lead_days=20.0),
    account(runs=2, flagged=3),
    account(),
    account(labelled=1),
]


def figures(*accounts: Tally) -> PlayFigures:
    return summarize(accounts, WITHIN, {})


def test_every_figure_is_what_its_name_says():
    found = figures(*ACCOUNTS)
    assert (found.runs, found.accounts, found.account_weeks) == (4, 2, 40)
    assert (found.runs_per_100_account_weeks, found.share_of_account_weeks) == (10, 0.125)
    label = found.labels["churned"]
    assert (label.base_rate, label.precision, label.lift, label.lift_weeks) == (0.1, 0.5, 5, 4)
    assert (label.caught, label.caught_accounts, label.labelled_accounts, label.lead_days) == (0.5, 1, 2, 20)
    assert label.within == "30d"


def test_the_same_history_prints_the_same_intervals():
    assert msgspec.json.encode(figures(*ACCOUNTS)) == msgspec.json.encode(figures(*ACCOUNTS))


def test_nothing_to_divide_by_is_none():
    found = figures(account(weeks=0))
    assert found.runs_per_100_account_weeks is None
    assert found.intervals["runs_per_100_account_weeks"] is None
    label = found.labels["churned"]
    assert (label.base_rate, label.precision, label.lift, label.lift_weeks, label.caught, label.lead_days) == (None,) * 6


def test_goals_are_counted_by_arm():
    goals = [{"run": GoalTally(2, 1)}, {"run": GoalTally(2, 2), "holdout": GoalTally(1, 0)}, {}]
    found = summarize([account()] * 3, WITHIN, {}, goals).goal
    assert found is not None
    assert {arm: (one.watched, one.reached, one.share) for arm, one in found.items()} == {
        "run": (4, 3, 0.75),
        "holdout": (1, 0, 0),
    }
    assert found["run"].intervals["share"] == (0.5, 1)


def test_a_play_without_a_goal_has_no_figures_of_one():
    assert figures(*ACCOUNTS).goal is None


def test_no_accounts_at_all():
    found = figures()
    assert (found.runs, found.account_weeks, found.share_of_account_weeks) == (0, 0, None)


def test_accounts_that_are_all_alike_leave_no_doubt():
    assert figures(*[account(runs=1, flagged=1)] * 50).intervals["share_of_account_weeks"] == (0.1, 0.1)


def test_the_interval_is_that_of_accounts_drawn_again():
    # 100 accounts of one week each, 30 of them flagged: 0.3, and two standard errors of a share are 0.09.
    found = figures(*[account(weeks=1, flagged=int(number < 30)) for number in range(100)])
    low, high = found.intervals["share_of_account_weeks"] or (0, 0)
    assert low == pytest.approx(0.21, abs=0.02)
    assert high == pytest.approx(0.39, abs=0.02)


def test_weeks_of_one_account_do_not_count_as_independent():
    # The same share of weeks, but all of them in one of ten accounts: the interval knows nearly nothing.
    found = figures(account(weeks=10, flagged=10), *[account(weeks=10)] * 9)
    low, high = found.intervals["share_of_account_weeks"] or (0, 0)
    assert low == 0
    assert high == pytest.approx(0.3, abs=0.1)
