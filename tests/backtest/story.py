"""Small histories for the tests: events by day and hour, plays as YAML, and what a backtest makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from services.rules.backtest.accounts import AccountRow
from services.rules.backtest.backtest import Answer, Question, backtest
from services.rules.backtest.replay import PastRun
from shared.instants import DAY, HOUR, Instant, parse_instant, show_instant

# A Monday.
BEGIN = parse_instant("2026-01-05T00:00:00Z")


def at(day: float, hours: float = 0, microseconds: int = 0) -> Instant:
    """So many days after the beginning."""
    return BEGIN + round(day * DAY) + round(hours * HOUR) + microseconds


def iso(day: float, hours: float = 0, microseconds: int = 0) -> str:
    return show_instant(at(day, hours, microseconds))


def event(name: str, day: float, account: str | None = "a", **fields: Any) -> dict[str, Any]:
    """An event as posted, at a day."""
    return {"name": name, "account_id": account, "occurred_at": iso(day), **fields}


def write(path: Path, events: Sequence[dict[str, Any]]) -> Path:
    """A file of JSON Lines; ids are made where they are missing, in the order of the list."""
    lines = [{"id": f"{path.stem}-{number:04d}", **one} for number, one in enumerate(events)]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def play(text: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return document


class Followed:
    """Who listens to a backtest."""

    def __init__(self) -> None:
        self.size = 0
        self.done = 0
        self.runs: list[PastRun] = []

    def found(self, events: int) -> None:
        self.size = events

    def took(self, events: int) -> None:
        self.done += events

    def ran(self, run: PastRun) -> None:
        self.runs.append(run)

    def days(self) -> list[tuple[str, float, float | None, str | None]]:
        """Each run as (account, day it opened, day it was resolved, why)."""
        return [
            (
                run.opened.account_id,
                (run.opened.opened_at - BEGIN) / DAY,
                None if run.resolved_at is None else (run.resolved_at - BEGIN) / DAY,
                run.resolution,
            )
            for run in self.runs
        ]


def ask(
    folder: Path, plays: list[str], events: Sequence[dict[str, Any]], accounts: str = "", **more: Any
) -> tuple[Answer, Followed]:
    """Backtest plays on events, and on accounts as CSV."""
    file = folder / "accounts.csv"
    if accounts:
        file.write_text("\n".join(line.strip() for line in accounts.strip().splitlines()) + "\n", encoding="utf-8")
        more["accounts"] = file
    followed = Followed()
    question = Question(plays=[play(text) for text in plays], events=[write(folder / "events.jsonl", events)], **more)
    return backtest(question, followed), followed


def row(account_id: str = "a", **fields: Any) -> AccountRow:
    return AccountRow(account_id=account_id, **fields)
