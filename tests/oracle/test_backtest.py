"""Files through the backtest, and through the command, against the same reading of the semantics."""

import csv
import json
from contextlib import chdir

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from typer.testing import CliRunner

from services.cli.main import app
from shared.instants import show_instant
from tests.oracle.backtested import found_in
from tests.oracle.compared import fixed_numbers
from tests.oracle.conftest import examples
from tests.oracle.histories import histories


@examples(150)
@given(history=histories())
def test_the_runs_of_files_are_as_the_definitions_have_them(history, tmp_path_factory):
    assert told_by_command(history, tmp_path_factory.mktemp("backtest")) == found_in(history)


def told_by_command(history, folder):
    """`plays backtest`, and what it wrote, as lines."""
    for play in history.plays:
        (folder / f"{play['play']}.yaml").write_text(json.dumps(play))
    arguments = ["plays", "backtest", *(f"{play['play']}.yaml" for play in history.plays), "--runs", "runs.jsonl"]
    # One half of the rows in each form.
    half = len(history.rows) // 2
    write_lines(folder / "one.jsonl", history.rows[:half])
    write_parquet(folder / "two.parquet", history.rows[half:])
    arguments += ["--events", "one.jsonl", "two.parquet"]
    if history.accounts:
        with (folder / "accounts.csv").open("w", newline="") as out:
            table = csv.DictWriter(out, list(history.accounts[0]))
            table.writeheader()
            table.writerows(history.accounts)
        arguments += ["--accounts", "accounts.csv"]
    for label in history.labels:
        arguments += ["--label", label]
    for option, instant in (("--until", history.until), ("--from", history.since)):
        if instant is not None:
            arguments += [option, show_instant(instant)]
    with chdir(folder):
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output or repr(done.exception)
    return told([json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()], history)


def told(runs, history):
    """Lines in the words of the oracle; every run has an id of its own."""
    assert len({run["run_id"] for run in runs}) == len(runs)
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
