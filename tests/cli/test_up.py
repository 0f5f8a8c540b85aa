"""The whole system in one process, as a newcomer starts it."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import ACME, Place, a_place, curl_in, until, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXPECTED = {
    ("northwind", "usage-drop"),
    ("fernhill", "slow-onboarding"),
    ("castor", "urgent-ticket"),
    ("birchwood", "nps-detractor"),
    ("quillon", "quiet-renewal"),
}

PLAY = """
play: urgent-ticket
when: {event: {of: ticket.created, where: {properties.priority: urgent}}}
do:
  - task: {to: inbox, title: "Urgent ticket of {{ account.id }}", fallback: cs@acme.example}
"""


def made(place: Place) -> list[tuple[str, str]]:
    return [(task["account_id"], task["play"]) for task in place.tasks()]


def an_urgent_ticket(account: str, number: int = 1) -> dict[str, object]:
    properties = {"ticket_id": f"T-{number}", "priority": "urgent", "subject": "Help"}
    return {"id": f"{account}-{number}", "name": "ticket.created", "account_id": account, "properties": properties}


def a_workspace(folder: Path) -> Path:
    (folder / "plays").mkdir(parents=True)
    (folder / "plays" / "urgent-ticket.yaml").write_text(PLAY)
    return folder


def test_each_sample_play_makes_exactly_one_task_and_the_printed_line_one_more(tmp_path: Path):
    place = a_place(tmp_path)
    with up(place, ACME, "--sample") as system:
        tasks = place.tasks()
        assert sorted((task["account_id"], task["play"]) for task in tasks) == sorted(EXPECTED)
        evidence = {task["play"]: task["evidence"] for task in tasks}
        assert evidence["usage-drop"]["drop"] > 0.4
        assert evidence["slow-onboarding"]["missing"] == ["first report", "team of three"]
        assert evidence["nps-detractor"]["score"] == 3
        assert evidence["quiet-renewal"]["silent_days"] == 14
        assert evidence["urgent-ticket"]["priority"] == "urgent"
        explains(place)
        subprocess.run(["bash", "-c", curl_in(system.said)], check=True, capture_output=True, timeout=20)
        until(lambda: ("harbor", "urgent-ticket") in made(place), within=10)
        assert system.end() == 0
    with up(place, ACME, "--sample") as system:
        assert sorted(made(place)) == sorted([*EXPECTED, ("harbor", "urgent-ticket")])
        assert "Living through" not in system.said
        place.post(an_urgent_ticket("juniper"))
        until(lambda: ("juniper", "urgent-ticket") in made(place), within=10)
        assert place.run("dead-letters", "list", "--json").json == []


def explains(place: Place) -> None:
    drop = place.run("plays", "explain", "usage-drop", "northwind", "--json").json
    assert (drop["verdict"], drop["reasons"][0]["code"], drop["condition"]["kind"]) == (True, "open", "drop")
    assert drop["reasons"][0]["run_id"] == drop["runs"][0]["run_id"]
    then = ("plays", "explain", "usage-drop", "northwind", "--at", drop["runs"][0]["opened_at"])
    assert place.run(*then, "--json").json["condition"]["evidence"] == drop["runs"][0]["evidence"]
    told = place.run(*then).out
    assert "a run opened at this instant" in told
    assert "; 40% is asked for\n" in told
    users = place.run("plays", "explain", "nps-detractor", "birchwood").out
    assert "ben" in users
    assert "condition: event: " in place.run("plays", "explain", "nps-detractor", "birchwood", "--subject", "ben").out
    unknown = place.run("plays", "explain", "usage-dorp", "northwind")
    assert (unknown.code, "did you mean usage-drop?" in unknown.err) == (2, True)


def test_a_sample_that_was_interrupted_goes_on_where_it_was(tmp_path: Path):
    place = a_place(tmp_path)
    with up(place, ACME, "--sample", says="Living through") as system:
        until(lambda: '"sent":0' not in (place.data / "sample.json").read_text())
        system.process.kill()
        system.process.wait()
    with up(place, ACME):
        assert sorted(made(place)) == sorted(EXPECTED)


def test_an_event_becomes_a_task_and_the_same_event_again_does_not(tmp_path: Path):
    place = a_place(tmp_path)
    with up(place, a_workspace(tmp_path / "workspace")) as system:
        for _ in range(3):
            place.post(an_urgent_ticket("acme"))
        place.post(an_urgent_ticket("bolt"))
        until(lambda: len(made(place)) == 2)
        assert sorted(made(place)) == [("acme", "urgent-ticket"), ("bolt", "urgent-ticket")]
        assert {stat.S_IMODE((place.data / name).stat().st_mode) for name in ("admin.key", "write.key")} == {0o600}
        assert system.end() == 0


def test_the_folder_is_applied_when_it_changes_and_a_bad_file_changes_nothing(tmp_path: Path):
    place, workspace = a_place(tmp_path), a_workspace(tmp_path / "workspace")
    file = workspace / "plays" / "urgent-ticket.yaml"
    with up(place, workspace) as system:
        file.write_text(PLAY.replace("event:", "evnt:"))
        until(lambda: "nothing was changed" in system.said)
        assert "plays/urgent-ticket.yaml:3" in system.said
        assert place.run("plays", "list", "--json").json[0]["version"] == 1
        file.write_text(PLAY + "title: Now it is right\n")
        until(lambda: place.run("plays", "list", "--json").json[0]["version"] == 2)
        file.unlink()
        until(lambda: place.run("plays", "list", "--json").json == [])


def test_a_second_system_on_the_same_port_or_the_same_folder_says_why_it_cannot_begin(tmp_path: Path):
    place, workspace = a_place(tmp_path), a_workspace(tmp_path / "workspace")
    with up(place, workspace):
        taken = place.run("up", "--workspace", str(workspace))
        assert (taken.code, "SUCCESSPLAYS_PORT" in taken.err, "Traceback" in taken.err) == (2, True, False)
        elsewhere = Place(place.data, a_place(tmp_path).port, {})
        locked = elsewhere.run("up", "--workspace", str(workspace))
        assert (locked.code, "Traceback" in locked.err) == (1, False)
        assert "has it open" in locked.err


def test_the_sample_is_left_out_of_a_folder_that_has_lived(tmp_path: Path):
    place = a_place(tmp_path)
    workspace = tmp_path / "workspace"
    shutil.copytree(ACME, workspace)
    with up(place, workspace) as system:
        assert system.end() == 0
    with up(place, workspace, "--sample") as system:
        assert "has heard live events already" in system.said
        assert made(place) == []


def test_the_commands_of_people_end_to_end(tmp_path: Path):
    place = a_place(tmp_path)
    with up(place, a_workspace(tmp_path / "workspace")):
        place.post(an_urgent_ticket("acme"))
        [task] = until(place.tasks)
        given = place.run("tasks", "reassign", task["task_id"], "bo@acme.example", "--json").json
        assert given["assignee"] == "bo@acme.example"
        assert place.run("tasks", "done", task["task_id"], "--by", "bo@acme.example").code == 0
        assert place.tasks() == []
        shown = place.run("runs", "show", task["run_id"], "--json").json
        assert (shown["account_id"], shown["tasks"][0]["state"]) == ("acme", "done")
        [delivery] = place.run("deliveries", "list", "--json").json
        assert place.run("deliveries", "show", delivery["delivery_id"], "--json").json["attempts"][0]["attempt"] == 1
        refused = place.run("deliveries", "retry", delivery["delivery_id"])
        assert (refused.code, "only dead or held ones" in refused.err) == (1, True)
        assert place.run("mute", "acme", "--until", "30d", "--reason", "in talks").code == 0
        place.post(an_urgent_ticket("acme", 5))
        [held] = until(lambda: place.run("deliveries", "held", "--json").json)
        assert held["reason"].endswith(": in talks")
        assert "in talks" in place.run("mutes").out
        assert place.run("deliveries", "drop", held["delivery_id"]).code == 0
        assert place.run("unmute", "acme").code == 0
        assert place.run("deliveries", "release").code == 2
        assert place.run("plays", "pause", "urgent-ticket", "--json").json["paused"] is True
        place.post(an_urgent_ticket("acme", 2))
        place.post(an_urgent_ticket("bolt", 3))
        assert place.run("plays", "resume", "urgent-ticket").code == 0
        place.post(an_urgent_ticket("bolt", 4))
        assert [found["account_id"] for found in until(place.tasks)] == ["bolt"]
        assert place.run("tasks", "done", "nobody").code == 2
