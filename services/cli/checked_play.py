"""One play's file, checked against the workspace it stands in: the play itself, its steps, and every name that it uses."""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pydantic import ValidationError

from services.actions.check import check_steps
from services.actions.core.steps import KINDS, parse_steps
from services.cli.checked_workspace import ReadWorkspace
from services.rules.core.condition import kinds
from services.rules.core.play import Play
from shared.records import JsonObject
from shared.workspace.allowed import keys_at
from shared.workspace.event_names import event_names, is_known
from shared.workspace.files import SETTINGS
from shared.workspace.positions import Loc
from shared.workspace.problems import Problem, problem_at, problems_of
from shared.workspace.segments import with_segments
from shared.workspace.yaml import Document, read_yaml

_CONDITIONS: tuple[Loc, ...] = (("when",), ("resolve_when",), ("goal", "when"))
# Problems that say that a name is not in the settings.
_ABOUT_NAMES = ("destination", "segment", "team", "event_name")


class PlayFile(NamedTuple):
    """Its path in the workspace, and its text."""

    file: str
    text: str


class CheckedPlay(NamedTuple):
    """A play that can be applied. `document` is plain JSON with segments and defaults written in, `source` the file's text."""

    name: str
    document: JsonObject
    source: str


class ReadPlay(NamedTuple):
    """A play's file with all that is wrong in it. `checked` is None where there is no play to speak of."""

    file: str
    written: Document
    problems: list[Problem]
    checked: CheckedPlay | None


def read_play(play: PlayFile, workspace: ReadWorkspace) -> ReadPlay:
    """Read and check one file below `plays/`."""
    written = read_yaml(play.text, play.file)
    if written.problems:
        return ReadPlay(play.file, written, written.problems, None)
    if not isinstance(written.data, dict):
        message = "a play is a mapping with play, when and do"
        return ReadPlay(play.file, written, [problem_at(written.positions, play.file, (), message, found=written.data)], None)
    checking = _Checking(play, written, workspace)
    document = checking.document()
    checking.everything(document)
    known = workspace.names_known
    problems = [problem for problem in checking.problems if known or problem.code not in _ABOUT_NAMES]
    return ReadPlay(play.file, written, problems, CheckedPlay(PurePosixPath(play.file).stem, document, play.text))


def compare_names(plays: list[ReadPlay]) -> Iterator[Problem]:
    """Two plays of one name, and a rename from a name that a play still has."""
    first: dict[str, str] = {}
    for play in plays:
        name = play.checked.document.get("play") if play.checked else None
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"the play {name} is already in {first[name]}"
            yield problem_at(play.written.positions, play.file, ("play",), message, found=name, code="duplicate_play")
        first.setdefault(name, play.file)
    for play in plays:
        was = play.checked.document.get("was") if play.checked else None
        if isinstance(was, str) and was in first:
            message = f"there is still a play {was} in {first[was]}; was is the name that it had before"
            yield problem_at(play.written.positions, play.file, ("was",), message, found=was, code="was")


class _Checking:
    """What is wrong with one play."""

    def __init__(self, play: PlayFile, written: Document, workspace: ReadWorkspace) -> None:
        self.file = play.file
        self.written = written
        self.data: dict[str, Any] = written.data
        self.workspace = workspace
        self.problems: list[Problem] = []

    def note(self, loc: Loc, message: str, found: object = None, allowed: list[str] | None = None, code: str = "value") -> None:
        positions = self.written.positions
        self.problems.append(problem_at(positions, self.file, loc, message, found=found, allowed=allowed or (), code=code))

    def document(self) -> JsonObject:
        """The play with its segments and the workspace's defaults written in."""
        document = {"timezone": self.workspace.settings.defaults.timezone, **self.data}
        self._add_guard(document)
        if "audience" in document:
            written, unknown = with_segments(document["audience"], self.workspace.segments, ("audience",))
            names = list(self.workspace.segments)
            for loc, name in unknown:
                self.note(loc, f"there is no segment {name!r} in {SETTINGS}", name, names, "segment")
            document["audience"] = written
        return document

    def _add_guard(self, document: JsonObject) -> None:
        given, own = self.workspace.settings.defaults.guard, document.get("guard", {})
        if given is not None and isinstance(own, dict):
            document["guard"] = {**given.model_dump(exclude_none=True), **own}

    def everything(self, document: JsonObject) -> None:
        """The model, the file's name, the steps, the names."""
        try:
            Play.model_validate(document)
        except ValidationError as error:
            self.problems += problems_of(error, self.written.positions, self.file, partial(keys_at, Play, named=kinds()))
        self._name()
        self._events()
        if isinstance(document.get("do"), list):
            self._steps(document["do"])

    def _name(self) -> None:
        path, name = PurePosixPath(self.file), self.data.get("play")
        if path.suffix != ".yaml":
            self.note((), f"a play's file ends in .yaml: call it {path.with_suffix('.yaml')}", path.name, code="file")
        elif isinstance(name, str) and name != path.stem:
            self.note(
                ("play",), f"the file is {path.name}, so the play is {path.stem}; or call the file {name}.yaml", name, code="file"
            )

    def _events(self) -> None:
        catalogue = self.workspace.catalogue
        conditions = [(part_at(self.data, loc), loc) for loc in _CONDITIONS]
        for condition, loc in conditions if catalogue else []:
            for place, name in event_names(condition, loc):
                if not is_known(name, catalogue):
                    self.note(place, f"the catalogue in {SETTINGS} has no event {name}", name, catalogue, "event_name")

    def _steps(self, do: list[Any]) -> None:

        try:
            parse_steps(do)
        except ValidationError as error:
            allowed = partial(keys_at, Any, named=KINDS)
            self.problems += problems_of(error, self.written.positions, self.file, allowed, ("do",))
        else:
            for place, message in check_steps(do, self.workspace.destinations):
                self._step(("do", *place), message)
        self._assignees(do)

    def _step(self, loc: Loc, message: str) -> None:
        found = value_at(self.data, loc)
        if loc[-1] == "to" and found not in self.workspace.destinations:
            destinations = list(self.workspace.destinations)
            self.note(loc, f"there is no destination {found!r} in {SETTINGS}", found, destinations, "destination")
        else:
            self.note(loc, message, found, code="step")

    def _assignees(self, do: list[Any]) -> None:
        for place, name in _assignees(do, ("do",)):
            if name not in self.workspace.teams:
                message = f"{name!r} is no role such as account.owner, no e-mail address, and no team in {SETTINGS}"
                self.note(place, message, name, self.workspace.teams, "team")


def part_at(data: Any, loc: Loc) -> Any:
    """What is at a place; None where there is nothing."""
    for element in loc:
        try:
            data = data[element]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def value_at(data: Any, loc: Loc) -> Any:
    """The text or number at a place; None where there is none."""
    found = part_at(data, loc)
    return found if isinstance(found, str | int | float) else None


def _assignees(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Every `assign` and `fallback` of a task that can only be a team's name."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _assignees(one, (*loc, index))
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in ("assign", "fallback") and isinstance(one, str) and not any(mark in one for mark in ".@{"):
                yield (*loc, key), one
            elif key in ("task", "then", "else"):
                yield from _assignees(one, (*loc, key))
