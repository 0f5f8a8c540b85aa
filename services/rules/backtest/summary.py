"""Figures of a backtest, each with its 95% interval from resampling accounts.

The draws are seeded, so the same history prints the same intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.rules.backtest.goals import Goals, GoalTally, arms_of
from services.rules.backtest.weeks import Tally
from shared.instants import Microseconds, show_duration

SEED = 20260101
RESAMPLES = 500
Figure = float | None
Interval = tuple[float, float] | None
Figures = Callable[[Mapping[str, float], pa.Table], dict[str, Figure]]


class LabelFigures(msgspec.Struct, kw_only=True):
    """A play against one label. A figure is None where there is nothing to divide by; `intervals` has a pair for each."""

    within: str
    # The share of account-weeks that the label followed within the time.
    base_rate: Figure
    # The share of runs that it followed, and that against the base rate.
    precision: Figure
    lift: Figure
    # The same of the account-weeks in which the play was true.
    lift_weeks: Figure
    # The share of labelled accounts with a run 7 to 60 days before, and by how many days the first of those was ahead (median).
    caught: Figure
    lead_days: Figure
    labelled_accounts: int
    caught_accounts: int
    intervals: dict[str, Interval]


class GoalFigures(msgspec.Struct, kw_only=True):
    """One arm of a play with a goal: the runs that were watched to their end, and how many of them reached it."""

    watched: int
    reached: int
    share: Figure
    intervals: dict[str, Interval]


class PlayFigures(msgspec.Struct, kw_only=True):
    """One play. `accounts` had a run; `lacking` says how many accounts have no value for a field that the audience asks for.

    `goal` has the figures of each arm (`run`, `holdout`); it is None for a play without a goal.
    """

    runs: int
    accounts: int
    account_weeks: int
    runs_per_100_account_weeks: Figure
    share_of_account_weeks: Figure
    intervals: dict[str, Interval]
    labels: dict[str, LabelFigures]
    lacking: dict[str, int]
    goal: dict[str, GoalFigures] | None = None


def summarize(
    tallies: Sequence[Tally],
    within: Mapping[str, Microseconds],
    lacking: Mapping[str, int],
    goals: Sequence[Goals] | None = None,
) -> PlayFigures:
    """Sum up one play from what it came to in each account, in a fixed order; `goals` likewise, where it has one."""
    weeks = _column(tallies, "weeks")
    counted = pa.table({"weeks": weeks, "runs": _column(tallies, "runs"), "flagged": _column(tallies, "flagged_weeks")})
    figures, intervals = _judged(counted, _play_figures)
    return PlayFigures(
        runs=sum(tally.runs for tally in tallies),
        accounts=sum(tally.runs > 0 for tally in tallies),
        account_weeks=sum(tally.weeks for tally in tallies),
        **figures,
        intervals=intervals,
        labels={name: _label(counted, tallies, name, time) for name, time in within.items()},
        lacking=dict(lacking),
        goal=None if goals is None else {arm: _goal([found.get(arm, GoalTally()) for found in goals]) for arm in arms_of(goals)},
    )


def _goal(tallies: Sequence[GoalTally]) -> GoalFigures:
    counted = pa.table({name: _column(tallies, name) for name in ("watched", "reached")})
    figures, intervals = _judged(counted, lambda sums, _: {"share": _over(sums["reached"], sums["watched"])})
    watched, reached = (sum(getattr(tally, name) for tally in tallies) for name in ("watched", "reached"))
    return GoalFigures(watched=watched, reached=reached, **figures, intervals=intervals)


def _label(counted: pa.Table, tallies: Sequence[Tally], name: str, within: Microseconds) -> LabelFigures:
    labels = [tally.labels[name] for tally in tallies]
    for column in ("positive_weeks", "flagged_positive_weeks", "hits", "labelled", "caught"):
        counted = counted.append_column(column, _column(labels, column))
    counted = counted.append_column("lead_days", pa.array([label.lead_days for label in labels], pa.float64()))
    figures, intervals = _judged(counted, _label_figures)
    return LabelFigures(
        within=show_duration(within),
        **figures,
        labelled_accounts=sum(label.labelled for label in labels),
        caught_accounts=sum(label.caught for label in labels),
        intervals=intervals,
    )


def _column(rows: Sequence[object], name: str) -> pa.Array:
    return pa.array([getattr(row, name) for row in rows], pa.int64())


# ------------------------------------------------------------------ figures of a sample of accounts


def _play_figures(sums: Mapping[str, float], _: pa.Table) -> dict[str, Figure]:
    return {
        "runs_per_100_account_weeks": _over(100 * sums["runs"], sums["weeks"]),
        "share_of_account_weeks": _over(sums["flagged"], sums["weeks"]),
    }


def _label_figures(sums: Mapping[str, float], sample: pa.Table) -> dict[str, Figure]:
    base_rate = _over(sums["positive_weeks"], sums["weeks"])
    precision = _over(sums["hits"], sums["runs"])
    return {
        "base_rate": base_rate,
        "precision": precision,
        "lift": _over(precision, base_rate),
        "lift_weeks": _over(_over(sums["flagged_positive_weeks"], sums["flagged"]), base_rate),
        "caught": _over(sums["caught"], sums["labelled"]),
        "lead_days": pc.quantile(sample["lead_days"], 0.5)[0].as_py(),
    }


def _over(part: Figure, whole: Figure) -> Figure:
    return None if part is None or not whole else part / whole


# ------------------------------------------------------------------ intervals


def _judged(counted: pa.Table, figures: Figures) -> tuple[dict[str, Figure], dict[str, Interval]]:
    """Each figure of all accounts, and the middle 95% of what it is in samples of them."""
    found = figures(_sums(counted), counted)
    drawn: dict[str, list[float]] = {name: [] for name in found}
    for sample in _samples(counted):
        for name, value in figures(_sums(sample), sample).items():
            if value is not None:
                drawn[name].append(value)
    return (
        {name: None if value is None else round(value, 6) for name, value in found.items()},
        {name: _middle(values) for name, values in drawn.items()},
    )


def _sums(counted: pa.Table) -> dict[str, float]:
    return {name: pc.sum(counted[name]).as_py() or 0 for name in counted.column_names}


def _samples(counted: pa.Table) -> Iterator[pa.Table]:
    """As many accounts as there are, drawn with replacement, again and again."""
    random = Random(SEED)  # noqa: S311  # draws for an estimate, the same each time
    accounts = len(counted)
    for _ in range(RESAMPLES if accounts else 0):
        draws = pa.Array.from_buffers(pa.uint32(), accounts, [None, pa.py_buffer(random.randbytes(4 * accounts))])
        yield counted.take(pc.shift_right(pc.multiply(draws.cast(pa.uint64()), accounts), 32))


def _middle(values: list[float]) -> Interval:
    if not values:
        return None
    low, high = pc.quantile(pa.array(values), [0.025, 0.975]).to_pylist()
    return (round(low, 6), round(high, 6))
