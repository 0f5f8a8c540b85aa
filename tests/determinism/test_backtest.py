"""A backtest on files gives the runs that the log of the same events gives live."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.rules.backtest.backtest import Question, backtest
from shared.instants import show_instant
from shared.records import Applied, Event, RunsRecord
from tests.backtest.story import Followed
from tests.determinism.examples import examples
from tests.determinism.lived import Life
from tests.determinism.stories import record_of, stories
from tests.determinism.story import Story, Told, meant
from tests.determinism.test_lives import lived_embedded

# A backtest decides for everybody: these say for whom a play counts.
FOR_WHOM = ("mode", "rollout")


def for_everybody(story: Story) -> Story:
    """The story with plays as a backtest takes them: from the first event on, for everybody."""
    applied, *events = story.records
    assert isinstance(applied.record, Applied)
    plays = [{key: value for key, value in play.document.items() if key not in FOR_WHOM} for play in applied.record.plays]
    begin = events[0].at
    return Story([Told(begin, record_of(plays, begin)), *events], story.until)


def runs_of_backtest(story: Story, folder: Path, *, shuffled: bool) -> dict[tuple[str, str], RunsRecord]:
    """What the command would find in files of these events."""
    applied, *events = story.records
    assert isinstance(applied.record, Applied)
    lines = [_line(told, seq) for seq, told in enumerate(events)]
    files = [folder / "one.jsonl", folder / "two.jsonl"]
    for place, file in enumerate(files):
        file.write_bytes(b"".join(sorted(lines[place::2]) if shuffled else lines[place::2]))
    followed = Followed()
    documents = [play.document for play in applied.record.plays]
    backtest(Question(plays=documents, events=files, until=story.until), followed)
    found: dict[tuple[str, str], Any] = {("RunOpened", run.opened.run_id): run.opened for run in followed.runs}
    return found | {("ends", run.opened.run_id): (run.resolved_at, run.resolution) for run in followed.runs}


def _line(told: Told, seq: int) -> bytes:
    event = told.record
    assert isinstance(event, Event)
    line = {
        "id": event.id,
        "name": event.name,
        "account_id": event.account_id,
        "user_id": event.user_id,
        "seq": seq,
        "source": event.source,
        "received_at": show_instant(told.at),
        "properties": event.properties_json,
        "traits": event.traits,
        "user_traits": event.user_traits,
    }
    if event.occurred_at is not None:
        line["occurred_at"] = show_instant(event.occurred_at)
    return msgspec.json.encode({key: value for key, value in line.items() if value is not None}) + b"\n"


def runs_of(outcome: Any) -> dict[tuple[str, str], Any]:
    """The same of an outcome."""
    opened = {key: run for key, run in outcome.published.items() if key[0] == "RunOpened"}
    return opened | {("ends", run_id): row[8:10] for run_id, row in outcome.runs.items()}


@examples(25)
@given(stories(edits=False), st.booleans())
def test_files_give_the_runs_of_the_log(story: Story, shuffled: bool):
    story = for_everybody(story)
    with tempfile.TemporaryDirectory() as folder:
        assert runs_of_backtest(story, Path(folder), shuffled=shuffled) == runs_of(meant(story))


@examples(3)
@given(stories(edits=False))
def test_files_give_the_runs_of_a_worker(sqlite_template: Path, story: Story):
    story = for_everybody(story)
    with tempfile.TemporaryDirectory() as folder:
        found = runs_of_backtest(story, Path(folder), shuffled=True)
    assert found == runs_of(lived_embedded(sqlite_template, story, Life(partitions=2)))
