"""`successplays.yaml` and `people.yaml`, checked: the models, and what only their connectors and each other can say."""

from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from services.actions.check import check_destination
from services.actions.connectors.contract import connectors
from services.ingest.receiving.check import check_source
from services.ingest.sources.contract import sources
from shared.workspace.allowed import keys_at
from shared.workspace.document import People, WorkspaceSettings
from shared.workspace.files import PEOPLE, SETTINGS
from shared.workspace.problems import Problem, problem_at, problems_of
from shared.workspace.yaml import Document, read_yaml

INBOX = "inbox"

_Model = TypeVar("_Model", WorkspaceSettings, People)


class ReadWorkspace(NamedTuple):
    """The settings (empty where they are wrong), and the names that plays may use: also those of entries that are wrong."""

    problems: list[Problem]
    settings: WorkspaceSettings
    people: People
    destinations: dict[str, dict[str, Any]]
    teams: list[str]
    catalogue: list[str]
    # The matchers of each segment; None where they are wrong.
    segments: dict[str, Any]
    # Whether the settings' file could be read at all: else no name in a play can be said to be unknown.
    names_known: bool


def read_workspace(settings_text: str, people_text: str) -> ReadWorkspace:
    """Read and check both files; a file that is not there is an empty text."""
    written, persons = read_yaml(settings_text, SETTINGS), read_yaml(people_text, PEOPLE)
    settings, wrong_settings = _model(WorkspaceSettings, written, SETTINGS)
    people, wrong_people = _model(People, persons, PEOPLE)
    problems = [
        *wrong_settings,
        *wrong_people,
        *_destination_problems(written),
        *_source_problems(written),
        *_member_problems(written, settings, people),
    ]
    return ReadWorkspace(
        problems,
        settings or WorkspaceSettings(),
        people or People({}),
        {INBOX: {"kind": INBOX}, **_entries(written, "destinations")},
        list(_entries(written, "teams")),
        list(_entries(written, "events")),
        {name: settings.segments[name] if settings else None for name in _entries(written, "segments")},
        not written.problems,
    )


def _model(model: type[_Model], document: Document, file: str) -> tuple[_Model | None, list[Problem]]:
    if document.problems:
        return None, document.problems
    try:
        return model.model_validate({} if document.data is None else document.data), []
    except ValidationError as error:
        return None, problems_of(error, document.positions, file, partial(keys_at, model, named={}))


def _entries(written: Document, section: str) -> dict[str, Any]:
    """The entries of a section as written, whether they are right or not."""
    found = written.data.get(section) if isinstance(written.data, dict) else None
    return found if isinstance(found, dict) else {}


def _destination_problems(written: Document) -> list[Problem]:
    problems: list[Problem] = []
    for name, entry in _entries(written, "destinations").items():
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            continue  # the model has said so
        loc = ("destinations", name)
        connector = connectors().get(entry["kind"])
        if connector is None:
            message, known = f"there is no kind of destination {entry['kind']!r}", sorted(set(connectors()) - {INBOX})
            kind = (*loc, "kind")
            problems.append(
                problem_at(written.positions, SETTINGS, kind, message, found=entry["kind"], allowed=known, code="destination")
            )
            continue
        if name != INBOX:
            try:
                connector.settings.model_validate(entry)
            except ValidationError as error:
                allowed = partial(keys_at, connector.settings, named={})
                problems += problems_of(error, written.positions, SETTINGS, allowed, loc)
                continue
        problems += [
            problem_at(written.positions, SETTINGS, (*loc, *place), message, code="destination")
            for place, message in check_destination(name, entry)
        ]
    return problems


def _source_problems(written: Document) -> list[Problem]:
    problems: list[Problem] = []
    for name, entry in _entries(written, "sources").items():
        if not isinstance(entry, dict):
            continue  # the model has said so
        loc, source = ("sources", name), sources().get(str(entry.get("kind") or name))
        if source is not None:
            try:
                source.settings.model_validate(entry)
            except ValidationError as error:
                allowed = partial(keys_at, source.settings, named={})
                problems += problems_of(error, written.positions, SETTINGS, allowed, loc)
                continue
        problems += [
            problem_at(written.positions, SETTINGS, (*loc, *place), message, code="source")
            for place, message in check_source(name, entry)
        ]
    return problems


def _member_problems(written: Document, settings: WorkspaceSettings | None, people: People | None) -> list[Problem]:
    """A team's members are people, where people.yaml names any."""
    if settings is None or people is None or not people.root:
        return []
    return [
        problem_at(
            written.positions, SETTINGS, ("teams", name, "members", index), f"{member} is not in {PEOPLE}",
            found=member, allowed=people.root, code="person",
        )
        for name, team in settings.teams.items()
        for index, member in enumerate(team.members)
        if member not in people.root
    ]  # fmt: skip
