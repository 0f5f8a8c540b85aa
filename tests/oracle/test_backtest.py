"""Files through the backtest, and through the command, against the same reading of the semantics."""

import csv
import json
from contextlib import chdir

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from typer.testing import CliRunner

from services.cli.main import app
from services.rules.backtest.accounts import read_accounts
from services.rules.backtest.backtest import Question, applied
from services.rules.backtest.history import read_history
from services.rules.backtest.lines import run_line
from services.rules.backtest.replay import replay, span_of
from services.rules.core.engine import Engine
from shared.instants import parse_instant, show_instant
from tests.oracle.backtested import found_in
from tests.oracle.compared import fixed_numbers
from tests.oracle.conftest import examples
from tests.oracle.histories import histories


@examples(40)
@given(history=histories())
def test_the_runs_of_files_are_as_the_definitions_have_them(history, tmp_path_factory):
    assert told_by_replay(history, tmp_path_factory.mktemp("backtest")) == found_in(history)


@examples(6)
@given(history=histories())
def test_the_command_writes_them_down(history, tmp_path_factory):
    assert told_by_command(history, tmp_path_factory.mktemp("backtest")) == found_in(history)


def told_by_replay(history, folder):
    """The backtest without its figures, which take a hundred times as long."""
    events, accounts = written(history, folder)
    log = read_history(events, history.until)
    span = span_of(log, history.until)
    question = Question(plays=history.plays, events=events, listening=history.listening)
    rows = {} if accounts is None else read_accounts(accounts, history.labels)
    lines = [run_line(run, []) for past in replay(Engine(applied(question, span)), log, rows, span) for run in past.runs]
    runs = [json.loads(line) for line in lines]
    return told([run for run in runs if history.since is None or parse_instant(run["opened_at"]) >= history.since], history)


def told_by_command(history, folder):
    """`plays backtest`, and what it wrote, as lines."""
    for play in history.plays:
        (folder / f"{play['play']}.yaml").write_text(json.dumps(play))
    arguments = ["plays", "backtest", *(f"{play['play']}.yaml" for play in history.plays), "--runs", "runs.jsonl"]
    events, accounts = written(history, folder)
    arguments += ["--events", *map(str, events)]
    if accounts is not None:
        arguments += ["--accounts", str(accounts)]
    for label in history.labels:
        arguments += ["--label", label]
    for option, instant in (("--until", history.until), ("--from", history.since)):
        if instant is not None:
            arguments += [option, show_instant(instant)]
    with chdir(folder):
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output or repr(done.exception)
    return told([json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()], history)


def written(history, folder):
    """One half of the rows as JSON Lines, the other as Parquet; the accounts, if there are any."""
    half = len(history.rows) // 2
    events = [folder / "one.jsonl", folder / "two.parquet"]
    write_lines(events[0], history.rows[:half])
    write_parquet(events[1], history.rows[half:])
    if not history.accounts:
        return events, None
    with (folder / "accounts.csv").open("w", newline="") as out:
        table = csv.DictWriter(out, list(history.accounts[0]))
        table.writeheader()
        table.writerows(history.accounts)
    return events, folder / "accounts.csv"


def told(runs, history):
    """Lines in the words of the oracle; every run has an id of its own, but for an event that is new again."""
    assert len({(run["run_id"], run["opened_at"]) for run in runs}) == len(runs)
    plays = {play["play"]: play for play in history.plays}
    lines = []
    for run in runs:
        play = plays[run["play"]]
        assert (run["arm"], run["version"], run["steps"]) == ("run", 1, [])
        assert play.get("per") != "user" or run["user_id"] == run["subject"]
        numbers = fixed_numbers(play["when"], run["evidence"])
        lines.append(("run", run["play"], run["account_id"], run["subject"], run["opened_at"], numbers, run["resolved_at"]))
    return sorted(lines, key=repr)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(path, rows):
    """The columns that the contract names; objects as JSON text."""
    texts = ["id", "name", "account_id", "user_id", "occurred_at", "received_at", "source"]
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in texts}
    columns["seq"] = pa.array([row.get("seq") for row in rows], pa.int64())
    for name in ("properties", "traits", "user_traits"):
        columns[name] = pa.array([json.dumps(row[name]) if name in row else None for row in rows], pa.string())
    pq.write_table(pa.table(columns), path)
