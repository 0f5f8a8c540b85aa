"""`successplays plays backtest` as a process: what it prints, writes, and says when it cannot."""

import json
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.failures import WrongUsage
from services.cli.main import app
from shared.instants import DAY
from tests.backtest.story import event, iso, write

COMMAND = [sys.executable, "-c", "from services.cli.main import main; main()", "plays", "backtest"]
PLAYS = {
    "quiet": "play: quiet\nwhen: {silence: {of: any, for: 14d, since: start}}\n",
    "unhappy": (
        "play: unhappy\n"
        "audience: {account.plan: pro}\n"
        "when: {event: {of: nps.answered, where: {properties.score: {at_most: 6}}}}\n"
        "do:\n"
        '  - task: {to: inbox, title: "{{ account.name }} gave {{ event.properties.score }}", due: 2 working days}\n'
        "  - wait: {for: 3d}\n"
        '  - task: {to: inbox, title: "{{ account.nickname }}"}\n'
    ),
}
ACCOUNTS = (
    f"account_id,started_at,churned_at,plan,name,owner\na,{iso(0)},{iso(40)},pro,Acme,ana@x.example\nb,{iso(0)},,free,Bell,\n"
)
EVENTS = [
    *(event("report.exported", day, account) for account in "ab" for day in (0, 5)),
    event("NPS Answered", 6, "a", properties={"score": 3}),
    event("nps.answered", 6, "b", properties={"score": 3}),
    *(event("report.exported", day, "b") for day in range(10, 60, 5)),
    event("report.exported", 7, None, user_id="nobody"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plays").mkdir()
    for name, text in PLAYS.items():
        (tmp_path / "plays" / f"{name}.yaml").write_text(text)
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    write(tmp_path / "events.jsonl", EVENTS)
    return tmp_path


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment())


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2])}


def invoke(folder: Path, *arguments: str) -> Result:
    """The same in this process: starting one takes longer than the backtest."""
    with chdir(folder):
        return CliRunner().invoke(app, ["plays", "backtest", *arguments])


def summary(folder: Path, *arguments: str) -> Any:
    done = invoke(folder, *arguments, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


ALL = [".", "--events", "events.jsonl", "--accounts", "accounts.csv", "--label", "churned_at", "--within", "30d"]


def test_the_summary_that_programs_read(folder: Path):
    found = summary(folder, *ALL)
    assert (found["events"], found["unassigned"], found["begins_at"], found["ends_at"]) == (16, 1, iso(0), iso(55))
    assert found["events_per_second"] == pytest.approx(found["events"] / found["seconds"], rel=0.2)
    quiet = found["plays"]["quiet"]
    # a is silent from day 6 on, and ends on day 40: six weeks; b never is, for eight.
    assert (quiet["runs"], quiet["accounts"], quiet["account_weeks"]) == (1, 1, 14)
    assert quiet["runs_per_100_account_weeks"] == pytest.approx(100 / 14, abs=1e-6)
    assert quiet["share_of_account_weeks"] == pytest.approx(4 / 14, abs=1e-6)
    label = quiet["labels"]["churned_at"]
    # Positive are the weeks of days 14 to 35, and all of them are flagged.
    assert label["base_rate"] == pytest.approx(4 / 14, abs=1e-6)
    assert label["precision"] == 1
    assert label["lift"] == label["lift_weeks"] == pytest.approx(3.5, abs=1e-5)
    assert (label["caught"], label["lead_days"], label["within"]) == (1, 20, "30d")


def test_each_line_is_a_run_in_the_order_in_which_they_opened(folder: Path):
    summary(folder, *ALL, "--runs", "out.jsonl")
    unhappy, quiet = lines(folder / "out.jsonl")
    assert list(unhappy) == [
        *("run_id", "play", "version", "subject", "account_id", "user_id", "opened_at", "resolved_at", "arm", "evidence", "steps")
    ]
    assert (unhappy["play"], unhappy["opened_at"], unhappy["resolved_at"]) == ("unhappy", iso(6), iso(40))
    assert (quiet["play"], quiet["opened_at"], quiet["resolved_at"]) == ("quiet", iso(20), iso(40))
    assert (quiet["account_id"], quiet["subject"], quiet["user_id"], quiet["version"], quiet["arm"]) == ("a", "a", None, 1, "run")
    assert quiet["steps"] == []


def test_a_goal_is_told_with_its_run_and_counted(folder: Path):
    (folder / "plays" / "unhappy.yaml").write_text(
        "play: unhappy\n"
        "when: {event: nps.answered}\n"
        "goal: {when: {count: {of: report.exported, over: 7d, at_least: 2}}, within: 20d}\n"
    )
    found = summary(folder, *ALL, "--runs", "out.jsonl")["plays"]
    # Both answer on day 6; a exported on days 0 and 5, b then on day 10 too.
    told = {line["account_id"]: line["goal_reached_at"] for line in lines(folder / "out.jsonl") if line["play"] == "unhappy"}
    assert told == {"a": iso(6), "b": iso(6)}
    assert {arm: (goal["watched"], goal["reached"]) for arm, goal in found["unhappy"]["goal"].items()} == {"run": (2, 2)}
    assert found["quiet"]["goal"] is None
    assert "goal_reached_at" not in next(line for line in lines(folder / "out.jsonl") if line["play"] == "quiet")
    assert "goal reached" in invoke(folder, *ALL).stdout


def test_steps_are_rendered_and_not_sent(folder: Path):
    summary(folder, *ALL, "--runs", "out.jsonl")
    task, wait, broken = lines(folder / "out.jsonl")[0]["steps"]
    assert (task["step"], task["kind"], task["to"], task["title"]) == ("0", "task", "inbox", "Acme gave 3")
    # Day 6 is a Sunday; two working days after it is Tuesday.
    assert (task["assignee"], task["due_at"][:10]) == ("ana@x.example", iso(8)[:10])
    assert wait == {"step": "1", "kind": "wait", "for": "3d", "then": "continue"}
    assert "account.nickname" in broken["error"]


def test_the_same_twice_is_the_same_to_the_byte(folder: Path):
    first = summary(folder, *ALL, "--runs", "1.jsonl")
    second = json.loads(run(folder, *ALL, "--runs", "2.jsonl", "--json").stdout)
    assert (folder / "1.jsonl").read_bytes() == (folder / "2.jsonl").read_bytes()
    assert first["plays"] == second["plays"]


def test_people_get_a_table(folder: Path):
    done = invoke(folder, *ALL)
    assert done.exit_code == 0
    assert "quiet" in done.stdout
    assert "churned_at within 30d" in done.stdout
    assert "1 events have no account" in done.stderr


def test_single_files_and_several_event_files(folder: Path):
    write(folder / "more.jsonl", [event("report.exported", 100, "b")])
    arguments = ["plays/quiet.yaml", "--events", "events.jsonl", "more.jsonl", "--accounts", "accounts.csv"]
    found = summary(folder, *arguments)
    assert list(found["plays"]) == ["quiet"]
    assert found["events"] == 17
    # Without the label's name it is a trait like any other, and a lives on: b is silent from day 69 on.
    assert found["plays"]["quiet"]["accounts"] == 2


def test_from_and_until(folder: Path):
    found = summary(folder, *ALL, "--from", iso(20), "--until", "2026-01-26")
    assert found["ends_at"] == iso(21)
    assert found["plays"]["quiet"]["runs"] == 1
    assert summary(folder, *ALL, "--from", iso(20, microseconds=1))["plays"]["quiet"]["runs"] == 0


def test_a_bad_play_is_shown_with_its_place_and_the_exit_code_is_1(folder: Path):
    (folder / "plays" / "quiet.yaml").write_text("play: quiet\nwhen: {silense: {of: any, for: 14d}}\n")
    done = run(folder, *ALL)
    assert done.returncode == 1
    assert "plays/quiet.yaml:2:" in done.stderr
    assert "silence" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([".", "--events", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        ([".", "--events", "accounts.csv"], "accounts.csv: line 1"),
        (["nowhere.yaml", "--events", "events.jsonl"], "nowhere.yaml cannot be read"),
        ([".", "--events", "events.jsonl", "--label", "churned_at"], "--accounts"),
        ([*ALL, "--label", "left_at"], "no column 'left_at'"),
        ([*ALL, "--within", "7d"], "1 --label and 2 --within"),
        ([*ALL[:-1], "a month"], "--within: 'a month' is not a duration"),
        ([*ALL, "--from", "yesterday"], "--from"),
        ([*ALL, "--runs", "no/such/folder.jsonl"], "cannot be written"),
        (["events.jsonl", "--events", "events.jsonl"], "no play"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(folder: Path, arguments: list[str], says: str):
    found = invoke(folder, *arguments)
    assert isinstance(found.exception, WrongUsage)
    assert says in str(found.exception)


def test_wrong_usage_has_exit_code_2_and_no_traceback(folder: Path):
    done = run(folder, ".", "--events", "nowhere.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("successplays: nowhere.jsonl: ")
    assert run(folder, ".").returncode == 2


def test_a_silent_churner_is_found_in_the_noise(folder: Path):
    # Ten of forty accounts fall silent 25 days before they leave; the others export every third day.
    leaving = [f"l{number}" for number in range(10)]
    staying = [f"s{number}" for number in range(30)]
    events = [event("x", day, account) for account in staying for day in range(0, 120, 3)]
    events += [event("x", day, account) for account in leaving for day in range(0, 65, 3)]
    write(folder / "noise.jsonl", events)
    rows = [f"{account},{iso(0)},{iso(88)}" for account in leaving] + [f"{account},{iso(0)}," for account in staying]
    (folder / "noise.csv").write_text("\n".join(["account_id,started_at,churned_at", *rows]) + "\n")
    found = summary(folder, "plays/quiet.yaml", "--events", "noise.jsonl", "--accounts", "noise.csv", "--label", "churned_at")
    label = found["plays"]["quiet"]["labels"]["churned_at"]
    assert (label["precision"], label["caught"]) == (1, 1)
    low, _ = label["intervals"]["lift"]
    assert low > 5
    assert label["lead_days"] == pytest.approx(88 - 63 - 14, abs=DAY)
