"""The replay: one account after the other through the engine that runs live, under the same rules.

A repeat of (source, id) is dropped when the first was received in the same month or the one before. An account with a
`started_at` is evaluated from there on, but not before the log's first record; without one, from its first event on. Time ends
at `until`, or where the account ends: what happens at that instant and the deadlines at it are taken, then the runs still open
end with the account.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from services.rules.backtest.accounts import AccountRow
from services.rules.backtest.history import History
from services.rules.core.effects import Effects, PeerChange
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account
from shared.instants import Instant, instant_of, month_of
from shared.records import Event, RunOpened

ENDED = "ended"


class PastRun(msgspec.Struct):
    """A run as it opened, and how it ended; still open where `resolved_at` is None."""

    opened: RunOpened
    resolved_at: Instant | None = None
    resolution: str | None = None
    # What became of its goal, `reached` or `missed`, and when; None while it is watched, and where there is none.
    goal: str | None = None
    goal_at: Instant | None = None


class Past(msgspec.Struct, kw_only=True):
    """What one account's history came to."""

    account: Account
    # Evaluated from `begin` to `end`; `until` is where the time of the whole log ends.
    begin: Instant
    end: Instant
    until: Instant
    events: int
    runs: list[PastRun]
    labels: dict[str, Instant]
    # What it added to the totals of its peers.
    peers: list[PeerChange] = []


class Span(NamedTuple):
    """The time of the whole log, both ends included."""

    first: Instant
    until: Instant


def span_of(history: History, until: Instant | None) -> Span:
    """From the first record to `until`, else to the last record; of an empty log without `until` there is none (0 to -1)."""
    first = history.first_at
    if first is None:
        return Span(until, until) if until is not None else Span(0, -1)
    last = history.last_at if until is None else until
    return Span(first, first if last is None else last)


def replay(engine: Engine, history: History, rows: Mapping[str, AccountRow], span: Span) -> Iterator[Past]:
    """Every account that was evaluated at all, in the order of their ids."""
    for account_id, events in _with_silent(history.accounts(), rows):
        past = replay_account(engine, rows.get(account_id) or AccountRow(account_id=account_id), events, span)
        if past is not None:
            yield past


def _with_silent(
    heard: Iterator[tuple[str, Iterator[Event]]], rows: Mapping[str, AccountRow]
) -> Iterator[tuple[str, Iterable[Event]]]:
    """The accounts with events and, in their place among them, those that never sent one."""
    known = iter(sorted(rows))
    silent = next(known, None)
    for account_id, events in heard:
        while silent is not None and silent < account_id:
            yield silent, ()
            silent = next(known, None)
        if silent == account_id:
            silent = next(known, None)
        yield account_id, events
    while silent is not None:
        yield silent, ()
        silent = next(known, None)


def replay_account(engine: Engine, row: AccountRow, events: Iterable[Event], span: Span) -> Past | None:
    """One account's history, or None when it is never evaluated: no event, no start, or an end before its start."""
    end = span.until if row.end is None else min(row.end, span.until)
    effects = Effects()
    account: Account | None = None
    if row.started_at is not None:
        begin = max(row.started_at, span.first)
        account = Account(row.account_id, begin, dict(row.traits))
        engine.begin(account, begin)
    taken = 0
    for event in unrepeated(events):
        if event.received_at > end:
            break
        if account is None:
            account = Account(row.account_id, event.received_at, dict(row.traits))
        engine.take(account, event, effects)
        taken += 1
    if account is None or account.first_seen_at > end:
        return None
    engine.pass_time(account, end + 1, effects)
    ended_at = row.end if row.end is not None and row.end <= span.until else None
    if ended_at is not None:
        for group in engine.peers.values():
            group.place(account.subjects[ITSELF].metrics, None, end + 1, effects)
    return Past(
        account=account,
        begin=account.first_seen_at,
        end=end,
        until=span.until,
        events=taken,
        runs=_runs(effects, ended_at),
        peers=effects.peers,
        labels=row.labels,
    )


def unrepeated(events: Iterable[Event]) -> Iterator[Event]:
    """One account's events without repeats."""
    kept: dict[tuple[str, str], int] = {}
    month, month_ends = 0, 0
    for event in events:
        if event.received_at >= month_ends:
            month, month_ends = _month(event.received_at)
        name = (event.source, event.id)
        if kept.get(name, -1) < month - 1:
            kept[name] = month
            yield event


def _month(at: Instant) -> tuple[int, Instant]:
    """The month of an instant, and when it ends."""
    month = month_of(at)
    year, index = divmod(month + 1, 12)
    return month, instant_of(datetime(year, index + 1, 1, tzinfo=UTC))


def _runs(effects: Effects, ended_at: Instant | None) -> list[PastRun]:
    runs = [PastRun(opened) for opened in effects.opened]
    to_resolve, to_watch = _by_name(runs), _by_name(runs)
    for resolved in effects.resolved:
        run = to_resolve[resolved.run_id].popleft()
        run.resolved_at, run.resolution = resolved.resolved_at, resolved.reason
    for goal in effects.goals:
        run = to_watch[goal.run_id].popleft()
        run.goal, run.goal_at = goal.outcome, goal.at
    if ended_at is not None:
        for run in runs:
            if run.resolved_at is None:
                run.resolved_at, run.resolution = ended_at, ENDED
    return runs


def _by_name(runs: Iterable[PastRun]) -> dict[str, deque[PastRun]]:
    """The runs of each id in order: an event that is new again after two months may open a run of the same name."""
    named: dict[str, deque[PastRun]] = {}
    for run in runs:
        named.setdefault(run.opened.run_id, deque()).append(run)
    return named
