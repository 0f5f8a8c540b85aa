"""The catalogue is written into the settings' text, of which everything else stays as it is."""

from pathlib import Path

import pytest

from services.cli.catalogue import Seen, with_new_names
from services.cli.check import check
from services.cli.failures import WrongUsage
from shared.workspace.yaml import read_yaml
from tests.cli.running import a_place, until, up

EXPORTED = Seen("report.exported", 1_204, "2025-01-01", ["format", "pages"])
LOGIN = Seen("user.logged_in", 1, "2025-02-03", [])


def written(text: str, *seen: Seen) -> str:
    return with_new_names(text, seen)[0]


def test_a_catalogue_begins_where_there_is_none() -> None:
    assert written("", EXPORTED, LOGIN) == (
        "events:\n"
        "  report.exported: {since: 2025-01-01, properties: [format, pages]}  # 1,204 events\n"
        "  user.logged_in: {since: 2025-02-03}  # 1 event\n"
    )
    assert written("# ours\nteams: {}\n\n", LOGIN) == (
        "# ours\nteams: {}\nevents:\n  user.logged_in: {since: 2025-02-03}  # 1 event\n"
    )


def test_new_names_follow_those_that_are_there_and_nothing_else_changes() -> None:
    text = """# Acme
events:   # what we hear
    report.exported: {since: 2024-01-01}   # by hand
    # not yet: report.deleted

# who is who
teams: {"a": {members: []}}
"""
    assert written(text, EXPORTED, LOGIN) == text.replace(
        "report.deleted\n", "report.deleted\n    user.logged_in: {since: 2025-02-03}  # 1 event\n"
    )


@pytest.mark.parametrize("head", ["events:", "events: {}", "events: {}  # none yet", "events: # none yet"])
def test_an_empty_catalogue_is_filled(head: str) -> None:
    changed = read_yaml(written(f"{head}\nteams: {{}}\n", LOGIN), "successplays.yaml")
    assert changed.data == {"events": {"user.logged_in": {"since": "2025-02-03"}}, "teams": {}}


def test_again_there_is_nothing_to_add() -> None:
    text = written("", EXPORTED, LOGIN)
    assert with_new_names(text, [EXPORTED, LOGIN]) == (text, [])
    # What we say ourselves is in no catalogue.
    assert with_new_names("", [Seen("task.completed", 3, "2025-01-01", ["by"])]) == ("", [])
    # Nor is what no play could ask for.
    assert with_new_names("", [Seen("größe.geändert", 3, "2025-01-01", [])]) == ("", [])


def test_what_yaml_would_misread_is_quoted() -> None:
    odd = Seen("report.exported", 2, "2025-01-01", ["null", "a b", "7", "tür", 'say "x"', "#tag"])
    data = read_yaml(written("", odd), "successplays.yaml").data
    assert data["events"]["report.exported"]["properties"] == odd.properties


def test_a_catalogue_that_cannot_be_added_to_is_left_alone() -> None:
    for text in ("events: {user.left: {}}\n", "events: [\n", "teams: {}\nteams: {}\n"):
        with pytest.raises(WrongUsage):
            with_new_names(text, [LOGIN])


def test_what_was_written_is_right_and_keeps_other_names_out() -> None:
    play = "play: exports\nwhen: {count: {of: report.exportd, over: 7d, at_least: 3}}\ndo:\n  - task: {to: inbox, title: x}\n"
    [problem] = check({"successplays.yaml": written("", EXPORTED, LOGIN), "plays/exports.yaml": play}).problems
    assert (problem.file, problem.nearest) == ("plays/exports.yaml", "report.exported")


@pytest.mark.slow
def test_what_was_heard_is_discovered(tmp_path: Path) -> None:
    place, workspace = a_place(tmp_path), tmp_path / "workspace"
    workspace.mkdir()
    with up(place, workspace):
        for number in (1, 2):
            place.post({"name": "report.exported", "account_id": f"a{number}", "properties": {"pages": number}})
        until(lambda: [one["events"] for one in place.run("events", "list", "--json").json] == [2])
        dry = place.run("events", "discover", "--workspace", str(workspace), "--dry-run", "--json").json
        assert [(one["name"], one["events"], one["properties"]) for one in dry["added"]] == [("report.exported", 2, ["pages"])]
        assert not (workspace / "successplays.yaml").exists()
        assert place.run("events", "discover", "--workspace", str(workspace)).code == 0
        assert "report.exported: {since: 20" in (workspace / "successplays.yaml").read_text()
        assert place.run("events", "discover", "--workspace", str(workspace), "--json").json["added"] == []
        assert place.run("plays", "check", "--workspace", str(workspace)).code == 0
