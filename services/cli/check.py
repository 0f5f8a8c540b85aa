"""What a workspace says, or everything that is wrong with it. Here the parts meet: settings, plays, their steps and destinations.

`check` reads nothing but the files it is given: the CLI runs it on a folder, the console on what it was sent.
"""

from typing import NamedTuple

from services.cli.checked_play import CheckedPlay, PlayFile, compare_names, read_play
from services.cli.checked_workspace import read_workspace
from shared.instants import Instant
from shared.records import JsonObject
from shared.workspace.document import document_of
from shared.workspace.files import PEOPLE, PLAYS, SETTINGS, TESTS
from shared.workspace.problems import Problem


class Checked(NamedTuple):
    """With any problem nothing may be applied; `plays` are those that are right by themselves.

    `workspace` is everything but the plays as plain JSON, secrets as references. `listening` says since when an event name is
    heard, where the catalogue says so.
    """

    problems: list[Problem]
    workspace: JsonObject
    plays: list[CheckedPlay]
    listening: dict[str, Instant]


def check(files: dict[str, str]) -> Checked:
    """Check the files of a workspace, by their paths relative to its folder. Everything wrong is said at once, file by file."""
    workspace = read_workspace(files.get(SETTINGS, ""), files.get(PEOPLE, ""))
    plays = [read_play(PlayFile(file, files[file]), workspace) for file in sorted(files) if _is_play(file)]
    problems = [*workspace.problems, *_strange_files(files), *compare_names(plays)]
    for play in plays:
        problems += play.problems
    wrong = {problem.file for problem in problems}
    # Without right settings nothing can be said of what stands on them.
    right = [] if wrong & {SETTINGS, PEOPLE} else [play for play in plays if play.file not in wrong]
    checked = [play.checked for play in right if play.checked is not None]
    ordered = sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.column, problem.message))
    document = document_of(workspace.settings, workspace.people)
    return Checked(ordered, document, checked, workspace.settings.listening())


def _is_play(file: str) -> bool:
    return file.startswith(PLAYS) and not file.startswith(TESTS)


def _strange_files(files: dict[str, str]) -> list[Problem]:
    strange = [file for file in files if file not in (SETTINGS, PEOPLE) and not file.startswith(PLAYS)]
    message = f"this is no file of a workspace: there are {SETTINGS}, {PEOPLE} and {PLAYS}*.yaml"
    return [Problem(file, 1, 1, message, file, code="file") for file in strange]
