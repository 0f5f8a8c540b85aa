"""A backtest from files to answers: what the command asks, and what it prints."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from services.rules.backtest.accounts import read_accounts
from services.rules.backtest.goals import Goals, count_goals
from services.rules.backtest.history import Spell, read_history
from services.rules.backtest.lacking import Lacking
from services.rules.backtest.peers import find_totals
from services.rules.backtest.replay import Past, PastRun, Span, replay, span_of
from services.rules.backtest.summary import PlayFigures, summarize
from services.rules.backtest.weeks import Tally, tally
from services.rules.core.engine import Engine
from services.rules.core.play import Play
from shared.instants import Instant, Microseconds, show_instant
from shared.records import Applied, AppliedPlay, JsonObject

# A backtest decides for everybody, whatever the play's file says of how far it is rolled out.
IGNORED = ("mode", "rollout")


class Question(msgspec.Struct, kw_only=True):
    """What is asked: plays (documents as applied) on files.

    Runs count from `since` on; the time before is replayed too, for memory and cooldowns.
    """

    plays: Sequence[JsonObject]
    events: Sequence[Path]
    accounts: Path | None = None
    listening: Mapping[str, Instant] = {}
    since: Instant | None = None
    until: Instant | None = None
    # Each label's column, and how long after a run or a week's start it still counts for it.
    within: Mapping[str, Microseconds] = {}


class Answer(msgspec.Struct, kw_only=True):
    """The summary that programs read. `seconds` covers reading and replaying, not the intervals."""

    plays: dict[str, PlayFigures]
    # From the first record to where time ends, ISO 8601; None when there was no event.
    begins_at: str | None
    ends_at: str | None
    events: int
    unassigned: int
    seconds: float
    events_per_second: float


class Listener(Protocol):
    """Who follows a backtest at work."""

    def found(self, events: int) -> None:
        """So many events are there to be taken."""
        ...

    def took(self, events: int) -> None:
        """So many more were taken."""
        ...

    def ran(self, run: PastRun) -> None:
        """A run, complete with its end; account by account."""
        ...


def backtest(question: Question, listener: Listener, spell: Spell = str) -> Answer:
    """Replay the files and sum up. `spell` brings the names of events into our form.

    Raises:
        Unreadable: a file cannot be read.
        pydantic.ValidationError: a document is no play.
    """
    began = time.perf_counter()
    rows = {} if question.accounts is None else read_accounts(question.accounts, list(question.within))
    history = read_history(question.events, question.until, spell)
    listener.found(history.events)
    span = span_of(history, question.until)
    ledgers = [Ledger(document, question, span) for document in question.plays]
    engine = Engine(applied(question, span))
    find_totals(engine, history, rows, span)
    for past in replay(engine, history, rows, span):
        for ledger in ledgers:
            ledger.enter(past, listener)
        listener.took(past.events)
    seconds = time.perf_counter() - began
    return Answer(
        plays={ledger.play.play: ledger.sum_up() for ledger in ledgers},
        begins_at=None if history.first_at is None else show_instant(history.first_at),
        ends_at=None if span.until < 0 else show_instant(span.until),
        events=history.events,
        unassigned=history.unassigned,
        seconds=round(seconds, 3),
        events_per_second=round(history.events / seconds, 1),
    )


def applied(question: Question, span: Span) -> Applied:
    """The record that applies the plays before the log's first: everything is listened to from there on."""
    documents = [{key: value for key, value in play.items() if key not in IGNORED} for play in question.plays]
    return Applied(
        plays=[AppliedPlay(play=document["play"], version=1, document=document) for document in documents],
        listening=dict(question.listening),
        listening_since=max(span.first, 0),
    )


class Ledger:
    """One play's account book."""

    def __init__(self, document: JsonObject, question: Question, span: Span) -> None:
        self.play = Play.model_validate(document)
        self._since = span.first if question.since is None else max(question.since, span.first)
        self._within = question.within
        self._tallies: list[Tally] = []
        self._goals: list[Goals] = []
        self._lacking = Lacking(self.play)

    def enter(self, past: Past, listener: Listener) -> None:
        """Enter what one account came to."""
        runs = [run for run in past.runs if run.opened.play == self.play.play]
        self._tallies.append(tally(past, runs, impulse=self.play.when.impulse, since=self._since, within=self._within))
        self._lacking.look(past.account, past.end)
        counted = [run for run in runs if run.opened.opened_at >= self._since]
        if self.play.goal is not None:
            self._goals.append(count_goals(counted, past.end, self.play.goal.within))
        for run in counted:
            listener.ran(run)

    def sum_up(self) -> PlayFigures:
        """The play's figures."""
        goals = None if self.play.goal is None else self._goals
        return summarize(self._tallies, self._within, self._lacking.found(), goals)
