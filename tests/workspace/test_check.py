"""A whole workspace: what is right can be applied, what is wrong is said all at once."""

import re
from typing import NamedTuple

import msgspec

from services.cli.check import Checked, check
from services.rules.core.play import Play
from shared.instants import parse_instant
from shared.workspace.problems import Problem

SETTINGS = """
destinations:
  hooks: {kind: webhook, url: "https://hooks.acme.example/tasks", secret: "env:HOOK_SECRET"}
teams:
  enterprise: {members: [ana@acme.example]}
segments:
  strategic: {account.mrr: {at_least: 5000}}
events:
  report.exported: {since: 2025-01-01}
  ticket.created:
  user.login:
defaults: {timezone: Europe/Berlin}
"""
PLAY = """play: usage-drop
title: Report exports are falling
audience:
  account.plan: [pro, enterprise]
  segment: strategic
when:
  drop: {of: report.exported, over: 7d, baseline: 28d, by: 40%, floor: 20}
hold: 2d
do:
  - task: {to: hooks, title: "{{ account.name }}: exports down", assign: enterprise, due: 2 working days}
  - wait: {for: 3d, until: resolved, then: stop}
  - task: {to: inbox, title: Call them, assign: account.owner, fallback: cs-team@acme.example}
"""


class Workspace(NamedTuple):
    files: dict[str, str]
    checked: Checked

    @property
    def places(self) -> list[tuple[str, int, str, str | None]]:
        """File, line, the word that the column points at, and the nearest allowed one."""
        return [(problem.file, problem.line, self.word(problem), problem.nearest) for problem in self.checked.problems]

    def word(self, problem: Problem) -> str:
        lines = self.files[problem.file].splitlines() or [""]
        found = re.match(r"[\w.*]+|$|.", lines[problem.line - 1][problem.column - 1 :])
        return found[0] if found else ""


def workspace(play: str = PLAY, settings: str = SETTINGS, **more: str) -> Workspace:
    files = {"successplays.yaml": settings, "plays/usage-drop.yaml": play, **more}
    return Workspace(files, check(files))


def only(given: Workspace) -> tuple[int, str, str | None]:
    ((_, line, word, near),) = given.places
    return line, word, near


def message(given: Workspace) -> str:
    (problem,) = given.checked.problems
    return problem.message


def test_a_right_workspace_has_its_segments_and_defaults_written_in() -> None:
    checked = workspace().checked
    assert checked.problems == []
    (play,) = checked.plays
    assert (play.name, play.source) == ("usage-drop", PLAY)
    assert play.document["timezone"] == "Europe/Berlin"
    assert play.document["audience"] == {"account.plan": ["pro", "enterprise"], "all": [{"account.mrr": {"at_least": 5000}}]}
    assert checked.listening == {"report.exported": parse_instant("2024-12-31T23:00:00Z")}
    assert checked.workspace["destinations"]["hooks"]["kind"] == "webhook"


def test_the_document_is_plain_json_and_a_play_again() -> None:
    (play,) = workspace().checked.plays
    document = msgspec.json.decode(msgspec.json.encode(play.document))
    assert document == play.document
    assert Play.model_validate(document).timezone == "Europe/Berlin"


def test_a_play_keeps_its_own_time_zone() -> None:
    (play,) = workspace("timezone: Asia/Tokyo\n" + PLAY).checked.plays
    assert play.document["timezone"] == "Asia/Tokyo"


def test_the_workspaces_guard_holds_where_a_play_says_nothing() -> None:
    settings = SETTINGS.replace("Europe/Berlin}", "Europe/Berlin, guard: {max_runs: 50 per day, fresh: 6h}}")

    def guard(more: str = "") -> object:
        checked = workspace(PLAY + more, settings).checked
        assert not checked.problems
        [play] = checked.plays
        return play.document["guard"]

    assert guard() == {"max_runs": "50 per day", "fresh": "6h"}
    assert guard("guard: {fresh: 1d}\n") == {"max_runs": "50 per day", "fresh": "1d"}


def test_only_plays_are_needed() -> None:
    checked = check({"plays/a.yaml": "play: a\nwhen: {event: anything.happened}\ndo: [{task: {to: inbox, title: x}}]"})
    assert checked.problems == []
    assert checked.plays[0].document["timezone"] == "UTC"
    assert checked.workspace["destinations"] == {}


def test_everything_wrong_at_once() -> None:
    play = PLAY.replace("hold:", "hodl:").replace("over: 7d", "ovr: 7d").replace("to: hooks", "to: hoks").replace("40%", "40")
    settings = SETTINGS.replace("teams:", "temas:").replace("kind: webhook", "kind: webhok")
    given = workspace(play, settings, **{"plays/b.yaml": "play: [", "people.yaml": "ana@acme.example: {rol: x}"})
    assert given.places == [
        ("people.yaml", 1, "rol", "roles"),
        ("plays/b.yaml", 1, "", None),
        ("plays/usage-drop.yaml", 7, "drop", None),  # over is missing
        ("plays/usage-drop.yaml", 7, "ovr", "over"),
        ("plays/usage-drop.yaml", 7, "40", None),
        ("plays/usage-drop.yaml", 8, "hodl", "hold"),
        ("plays/usage-drop.yaml", 10, "hoks", "hooks"),
        ("plays/usage-drop.yaml", 10, "enterprise", None),  # teams are not known
        ("successplays.yaml", 3, "webhok", "webhook"),
        ("successplays.yaml", 4, "temas", "teams"),
    ]
    assert given.checked.plays == []


def test_unknown_names_have_the_nearest() -> None:
    assert only(workspace(PLAY.replace("to: hooks", "to: hoks"))) == (10, "hoks", "hooks")
    assert only(workspace(PLAY.replace("segment: strategic", "segment: stategic"))) == (5, "stategic", "strategic")
    assert only(workspace(PLAY.replace("assign: enterprise", "assign: entrprise"))) == (10, "entrprise", "enterprise")
    assert only(workspace(PLAY.replace("report.exported", "report.exportd"))) == (7, "report.exportd", "report.exported")
    assert only(workspace(PLAY.replace("drop:", "dorp:"))) == (7, "dorp", "drop")
    assert only(workspace(PLAY.replace("  - task: {to: inbox", "  - tsak: {to: inbox"))) == (12, "tsak", "task")


def test_without_a_catalogue_every_event_name_may_be_used() -> None:
    misspelt = PLAY.replace("report.exported", "report.exportd")
    assert workspace(misspelt, SETTINGS[: SETTINGS.index("events:")]).places == []


def test_event_names_are_found_in_every_form() -> None:
    play = """play: usage-drop
when:
  all:
    - silence: {of: [user.login, user.logn], for: 14d}
    - not: {count: {of: tickets.*, over: 7d, at_least: 3}}
    - any:
        - not_reached: {since: {event: {of: report.exportd}}, within: 14d, milestone: {count: {of: any, at_least: 1}}}
        - trait: {account.plan: pro}
resolve_when: {event: ticket.creatd}
"""
    assert [place[1:] for place in workspace(play).places] == [
        (4, "user.logn", "user.login"),
        (5, "tickets.*", "ticket.created"),
        (7, "report.exportd", "report.exported"),
        (9, "ticket.creatd", "ticket.created"),
    ]


def test_patterns_any_and_our_own_events_are_known() -> None:
    for name in ("ticket.*", "any", "task.completed", "[user.login, ticket.created]"):
        assert workspace(f"play: usage-drop\nwhen: {{event: {{of: {name}}}}}").places == []


def test_the_files_name_is_the_plays_name() -> None:
    fallen = workspace(PLAY.replace("play: usage-drop", "play: usage-fall"))
    assert only(fallen) == (1, "usage", None)
    assert "the file is usage-drop.yaml" in message(fallen)
    (problem,) = check({"plays/a.yml": "play: a\nwhen: {event: x.y}"}).problems
    assert "plays/a.yaml" in problem.message


def test_two_plays_of_one_name_and_a_rename_from_one_that_is_still_there() -> None:
    twice = workspace(**{"plays/z/usage-drop.yaml": PLAY})
    assert twice.places == [("plays/z/usage-drop.yaml", 1, "usage", None)]
    renamed = workspace(**{"plays/x.yaml": "play: x\nwas: usage-drop\nwhen: {event: any}"})
    assert renamed.places == [("plays/x.yaml", 2, "usage", None)]


def test_steps_are_checked_where_they_stand() -> None:
    given = workspace(PLAY + "  - if: {account.mrr: {atleast: 5}}\n    then: [{task: {to: inbox, titel: x}}]\n")
    assert [place[1:] for place in given.places] == [(13, "atleast", "at_least"), (14, "task", None), (14, "titel", "title")]


def test_a_template_with_an_unknown_root_is_refused() -> None:
    misspelt = workspace(PLAY.replace("{{ account.name }}", "{{ acount.name }}"))
    assert only(misspelt)[0] == 10
    assert "acount" in message(misspelt)


def test_a_destinations_own_settings_are_checked() -> None:
    assert [place[1:] for place in workspace(settings=SETTINGS.replace("url:", "ulr:")).places] == [
        (3, "hooks", None),
        (3, "ulr", "url"),
    ]
    assert only(workspace(settings=SETTINGS.replace("  hooks:", "  inbox: {kind: inbox}\n  hooks:")))[:2] == (3, "{")


def test_a_secret_never_stands_in_the_file() -> None:
    assert only(workspace(settings=SETTINGS.replace('"env:HOOK_SECRET"', "whsec_c2VjcmV0")))[0] == 3


def test_members_of_teams_are_people_where_there_are_people() -> None:
    other = workspace(**{"people.yaml": "ann@acme.example: {roles: [csm]}"})
    assert other.places == [("successplays.yaml", 5, "ana", "ann@acme.example")]
    assert workspace(**{"people.yaml": "ana@acme.example: {roles: [csm]}"}).places == []


def test_settings_that_cannot_be_read_make_no_name_unknown() -> None:
    given = workspace(settings="destinations: [")
    assert given.places == [("successplays.yaml", 1, "", None)]
    assert given.checked.plays == []


def test_strange_files_are_refused_and_tests_of_plays_are_passed_over() -> None:
    assert workspace(**{"notes.yaml": ""}).places == [("notes.yaml", 1, "", None)]
    assert workspace(**{"plays/tests/usage-drop.yaml": "anything"}).places == []


def test_what_is_no_play_at_all() -> None:
    for text in ("", "- 1", "5"):
        (problem,) = check({"plays/a.yaml": text}).problems
        assert "a play is a mapping" in problem.message


def source_problem(entry: str) -> Problem:
    (problem,) = workspace(settings=f"{SETTINGS}sources:\n  {entry}\n").checked.problems
    assert problem.line == SETTINGS.count("\n") + 2
    return problem


def test_a_source_says_how_it_is_proven() -> None:
    assert "needs a secret or a token" in source_problem("standard_webhooks: {}").message


def test_what_is_wrong_with_a_source_is_said_at_its_place() -> None:
    assert "did you mean standard_webhooks?" in source_problem('standard_webhoks: {secret: "env:A"}').message
    assert "hunter2" not in source_problem("standard_webhooks: {secret: hunter2}").message
    assert source_problem('standard_webhooks: {secret: "env:A", acount: id}').nearest == "account"
