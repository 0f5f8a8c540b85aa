"""The command by itself: exit codes, what programs read, and sentences instead of tracebacks."""

import json
from pathlib import Path

import pytest

from tests.cli.running import ACME, Place, a_place

pytestmark = pytest.mark.slow

GOOD = "play: login\nwhen: {event: user.logged_in}\n"
BAD = "play: login\nwhen: {evnt: user.logged_in}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_place(tmp_path)


def a_workspace(folder: Path, text: str) -> str:
    (folder / "plays").mkdir()
    (folder / "plays" / "login.yaml").write_text(text)
    return str(folder)


def test_a_good_workspace_is_exit_code_0_and_a_bad_one_1(place: Place, tmp_path: Path):
    workspace = a_workspace(tmp_path, GOOD)
    assert place.run("plays", "check", "--workspace", workspace).code == 0
    (tmp_path / "plays" / "login.yaml").write_text(BAD)
    bad = place.run("plays", "check", "--workspace", workspace)
    assert bad.code == 1
    assert "plays/login.yaml:2" in bad.out
    assert "event" in bad.out


def test_what_check_prints_for_programs(place: Place, tmp_path: Path):
    bad = place.run("plays", "check", "--workspace", a_workspace(tmp_path, BAD), "--json")
    assert bad.code == 1
    assert set(bad.json) == {"ok", "plays", "problems"}
    assert bad.json["ok"] is False
    assert set(bad.json["problems"][0]) == {"file", "line", "column", "message", "found", "allowed", "nearest", "code"}


def test_the_sample_workspace_is_right(place: Place):
    assert place.run("plays", "check", "--workspace", str(ACME), "--json").json == {
        "ok": True,
        "plays": ["nps-detractor", "quiet-renewal", "slow-onboarding", "urgent-ticket", "usage-drop"],
        "problems": [],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("plays", "check", "--workspace", "/nowhere"),
        ("plays", "cheque"),
        ("tasks", "list", "--state", "lost"),
        ("dead-letters", "redrive"),
        ("import", "events", "events.txt", "--dry-run"),
        ("up", "--workspace", "/nowhere", "--sample"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_a_sentence(place: Place, arguments: tuple[str, ...]):
    done = place.run(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.err.strip()


@pytest.mark.parametrize("arguments", [("tasks", "list"), ("runs", "list"), ("plays", "list"), ("keys", "list")])
def test_a_system_that_is_not_there_is_exit_code_3(place: Place, arguments: tuple[str, ...]):
    nothing_here = place.run(*arguments)
    assert (nothing_here.code, "successplays up" in nothing_here.err) == (3, True)
    away = Place(place.data, place.port, {"SUCCESSPLAYS_KEY": "sp_admin_x"}).run(*arguments)
    assert (away.code, "does not answer" in away.err) == (3, True)


def test_a_url_without_a_key_says_so(place: Place):
    done = Place(place.data, place.port, {"SUCCESSPLAYS_URL": "http://127.0.0.1:1"}).run("tasks", "list")
    assert (done.code, "SUCCESSPLAYS_KEY" in done.err) == (2, True)


def test_a_setting_that_cannot_be_is_named(place: Place):
    done = Place(place.data, place.port, {"SUCCESSPLAYS_PARTITIONS": "none"}).run("tasks", "list")
    assert (done.code, "SUCCESSPLAYS_PARTITIONS" in done.err, "Traceback" in done.err) == (2, True, False)


def test_the_schema_is_upgraded_once_and_again(place: Place):
    assert [place.run("db", "upgrade").code for _ in range(2)] == [0, 0]
    assert (place.data / "successplays.db").exists()


def test_a_database_that_is_away_is_exit_code_3(place: Place):
    away = Place(place.data, place.port, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    done = away.run("db", "upgrade")
    assert (done.code, "Traceback" in done.err) == (3, False)
    wrong = Place(place.data, place.port, {"DATABASE_URL": "mysql://127.0.0.1/none"}).run("db", "upgrade")
    assert (wrong.code, "postgresql://" in wrong.err) == (2, True)


def test_a_dry_run_tells_each_bad_row_with_its_line(place: Place, tmp_path: Path):
    rows = [
        {"name": "user.logged_in", "account_id": "acme", "occurred_at": "2026-01-01T00:00:00Z"},
        {"name": "user.logged_in", "occurred_at": "2026-01-01"},
        {"name": "user.logged_in", "account_id": "acme", "occurred_at": "yesterday"},
        {"account_id": "acme", "occurred_at": "2026-01-01", "colour": "red"},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n")
    done = place.run("import", "events", str(file), "--dry-run", "--json")
    assert done.code == 1
    assert (done.json["accepted"], done.json["dry_run"]) == (1, True)
    assert [refused["line"] for refused in done.json["refused"]] == [2, 3, 4, 5]
    shown = place.run("import", "events", str(file), "--dry-run")
    assert f"{file}:3: occurred_at is not a date" in shown.out


def test_the_command_starts_without_the_weight_of_the_services(place: Place):
    done = place.run("--help")
    assert done.code == 0
    for command in ("up", "ingest", "rules", "actions", "console", "db", "keys", "plays", "tasks", "runs", "import"):
        assert f"  {command} " in done.out
