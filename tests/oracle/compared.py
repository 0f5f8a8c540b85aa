"""The engine and the oracle side by side: both lists of what happened in the same words."""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

from services.rules.core.effects import Effects
from shared.instants import DAY, Instant, show_instant
from shared.records import Applied, Event, JsonObject
from tests.oracle.expected import expected
from tests.oracle.life import Life, Run
from tests.oracle.matching import is_number

Line = tuple[Any, ...]


def by_engine(effects: Effects, applied: Applied) -> list[Line]:
    """Runs as (run, play, account, subject, at, cause, evidence, resolved, reason); decisions as (decision, ..., at, reason)."""
    documents = {one.play: one.document for one in applied.plays}
    ends = {end.run_id: (show_instant(end.resolved_at), end.reason) for end in effects.resolved}
    lines: list[Line] = []
    for run in effects.opened:
        cause = run.event["id"] if run.event else None
        numbers = fixed_numbers(documents[run.play]["when"], run.evidence)
        place = (run.play, run.account_id, run.subject)
        lines.append(("run", *place, show_instant(run.opened_at), cause, numbers, *ends.get(run.run_id, (None, None))))
    lines += [("decision", one.play, one.account_id, one.subject, show_instant(one.at), one.reason) for one in effects.decisions]
    return sorted(lines, key=repr)


def by_oracle(applied: Applied, log: Iterable[Event], until: Instant) -> list[Line]:
    """The same, as the definitions have it."""
    lines: list[Line] = []
    for play in applied.plays:
        for life in expected(play.document, log, until, applied.listening, applied.listening_since):
            lines += lines_of(life, play.document)
    return sorted(lines, key=repr)


def lines_of(life: Life, play: JsonObject) -> Iterator[Line]:
    """What one life came to."""
    place = (play["play"], life.case.account_id, life.case.value or life.case.account_id)
    for run in life.runs:
        resolved = None if run.resolved_at is None else show_instant(run.resolved_at)
        evidence = fixed_numbers(play["when"], _evidence(play["when"], run))
        yield ("run", *place, show_instant(run.opened_at), run.cause, evidence, resolved, run.reason)
    for _, at, reason in life.decisions:
        yield ("decision", *place, show_instant(at), reason)


def _evidence(when: JsonObject, run: Run) -> JsonObject:
    """The oracle's numbers by the names that evidence has."""
    kind, numbers = next(iter(when)), run.numbers
    if kind == "silence":
        last = numbers["last"]
        return {"last_seen": None if last is None else show_instant(last), "silent_days": numbers["silent"] / DAY}
    if kind == "count":
        measure = when["count"].get("measure", "count")
        return {measure if isinstance(measure, str) else next(iter(measure)): numbers["value"]}
    return numbers


def fixed_numbers(when: JsonObject, evidence: JsonObject) -> list[Any] | None:
    """What the design fixes of the evidence, rounded: for a play that is one such condition."""
    kind = next(iter(when))
    names = {"drop": "drop current baseline", "rise": "rise current baseline", "silence": "last_seen silent_days"}
    names |= {
        "open": "open",
        "change": "before after",
        "count": "count users days sum min max avg last distinct",
        "not_reached": "missing",
    }
    if kind not in names:
        return None
    numbers: list[Any] = [evidence.get(name) for name in names[kind].split()]
    if kind == "count" and numbers[0] is not None:
        # "the newest instants, one more than the bound, are enough", for the evidence too.
        bound = when["count"].get("at_least", when["count"].get("at_most"))
        return [min(numbers[0], ceil(bound) + 1)] if is_number(bound) else None
    return [round(number, 6) if is_number(number) else number for number in numbers]
