"""Account-weeks: what one account's runs and weeks count for a play, beside what befell it.

A week begins on Monday 00:00 UTC and counts for an account when it was evaluated in it. It is *flagged* when a level's run is
open in it or an impulse's opened in it, and *positive* when the label falls within the given time after its start.
"""

from collections.abc import Mapping, Sequence

import msgspec

from services.rules.backtest.replay import Past, PastRun
from shared.instants import DAY, WEEK, Instant, Microseconds

# 1970-01-01 was a Thursday.
_FIRST_MONDAY = 4 * DAY
EARLY = 60 * DAY
LATE = 7 * DAY


class LabelTally(msgspec.Struct):
    """One account, one play, one label."""

    positive_weeks: int = 0
    flagged_positive_weeks: int = 0
    # Runs that the label followed within the given time.
    hits: int = 0
    # The label fell while the account was evaluated; a run opened 7 to 60 days before it, the first of them so many days.
    labelled: int = 0
    caught: int = 0
    lead_days: float | None = None


class Tally(msgspec.Struct):
    """One account, one play."""

    weeks: int
    runs: int
    flagged_weeks: int
    labels: dict[str, LabelTally]


def weeks_of(begin: Instant, end: Instant) -> list[Instant]:
    """The Mondays of the weeks that overlap [begin, end); of an empty span the week it lies in."""
    if end < begin:
        return []
    first = _monday(begin)
    last = _monday(max(begin, end - 1))
    return list(range(first, last + 1, WEEK))


def _monday(at: Instant) -> Instant:
    return at - (at - _FIRST_MONDAY) % WEEK


def tally(past: Past, runs: Sequence[PastRun], *, impulse: bool, since: Instant, within: Mapping[str, Microseconds]) -> Tally:
    """Count one play's runs that opened at or after `since`, and the account's weeks from then on."""
    begin = max(past.begin, since)
    weeks = weeks_of(begin, past.end)
    flagged = _flagged(runs, past.end, impulse=impulse).intersection(weeks)
    opened = sorted(run.opened.opened_at for run in runs if run.opened.opened_at >= since)
    labels = {name: LabelTally() for name in within}
    for name, label in past.labels.items():
        if label >= begin and weeks:
            labels[name] = _labelled(label, past.until, opened)
            _count_weeks(labels[name], [week for week in weeks if week <= label <= week + within[name]], flagged)
            labels[name].hits = sum(at <= label <= at + within[name] for at in opened)
    return Tally(weeks=len(weeks), runs=len(opened), flagged_weeks=len(flagged), labels=labels)


def _flagged(runs: Sequence[PastRun], end: Instant, *, impulse: bool) -> set[Instant]:
    flagged: set[Instant] = set()
    for run in runs:
        first = _monday(run.opened.opened_at)
        closed = end if run.resolved_at is None else run.resolved_at
        last = first if impulse else _monday(max(run.opened.opened_at, closed - 1))
        flagged.update(range(first, last + 1, WEEK))
    return flagged


def _count_weeks(counted: LabelTally, positive: list[Instant], flagged: set[Instant]) -> None:
    counted.positive_weeks = len(positive)
    counted.flagged_positive_weeks = len(flagged.intersection(positive))


def _labelled(label: Instant, until: Instant, opened: list[Instant]) -> LabelTally:
    """Whether a run was early enough to act on. A label after the end of the log's time is not one to be caught."""
    if label > until:
        return LabelTally()
    first = next((at for at in opened if label - EARLY <= at <= label - LATE), None)
    return LabelTally(labelled=1, caught=int(first is not None), lead_days=None if first is None else (label - first) / DAY)
