"""`/api/v1/plays`: check, apply, list, pause, resume."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.console.access import Applier, Reader
from services.console.apply import Outcome, apply, set_paused
from services.console.checked import Checked
from services.console.paging import AnyRow
from services.console.parts import Given, Parts
from services.console.refusals import CONFLICT, NOT_FOUND, Refused, missing
from services.console.shown import Moment, Shown
from services.console.store import plays as store
from shared.db.database import reading
from shared.instants import Instant, parse_instant
from shared.topics import EVENTS

MAX_FILES = 5_000

_logger = structlog.get_logger()

router = APIRouter(prefix="/plays", tags=["plays"])


class Workspace(BaseModel):
    """A workspace's files as text, by their path in its folder: `successplays.yaml`, `people.yaml`, `plays/NAME.yaml`."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str] = Field(max_length=MAX_FILES)


class Application(Workspace):
    """What is to be applied. `by` and `commit` say where it comes from; `at` is only for a log opened for replay."""

    by: str | None = Field(default=None, max_length=200)
    commit: str | None = Field(default=None, max_length=200)
    at: str | None = Field(default=None, description="ISO 8601")


class At(BaseModel):
    """The time of the record, in a log opened for replay."""

    model_config = ConfigDict(extra="forbid")

    at: str | None = Field(default=None, description="ISO 8601")


class Judgement(Shown):
    """What `check` found. The workspace may be applied if there are no problems."""

    ok: bool
    plays: list[str]
    problems: list[dict[str, Any]]


class Play(Shown):
    """A play as applied. `mode` is the file's; a paused play opens no runs until it is resumed.

    `already_true`: for how many subjects its condition was true already when this version was applied; they are ignored or get
    a run as `on_activate` says. Null until all of them were looked at. A version that keeps the condition has none.
    """

    play: str
    version: int
    title: str
    mode: str
    paused: bool
    archived: bool
    applied_at: Moment
    applied_by: str
    commit: str | None
    already_true: int | None


class Version(Shown):
    """One version of a play."""

    version: int
    applied_at: Moment
    applied_by: str
    commit: str | None


class PlayInFull(Play):
    """A play with the file as it was written, what was made of it, and its versions, the newest first."""

    source: str
    document: dict[str, Any]
    versions: list[Version]


class Plays(Shown):
    """All plays, by name."""

    items: list[Play]


class PauseOutcome(Shown):
    """A play's state from the next record on. `published` is false while the log is away."""

    play: str
    paused: bool
    published: bool


@router.post("/check")
async def check_plays(workspace: Workspace, parts: Given, _: Applier) -> Judgement:
    """Say what is wrong with a workspace, everything at once. Nothing is changed."""
    checked = await _check(parts, workspace.files)
    return _judgement(checked)


@router.post("/apply", responses={422: {"model": Judgement, "description": "It has problems; nothing was changed"}, **CONFLICT})
async def apply_plays(application: Application, parts: Given, caller: Applier) -> Outcome:
    """Make a workspace the one that counts, at once or not at all. Applying the same again changes nothing."""
    checked = await _check(parts, application.files)
    if checked.problems:
        judgement = _judgement(checked).model_dump(mode="json")
        raise Refused(422, "workspace_has_problems", f"{len(checked.problems)} problems; nothing was changed", **judgement)
    by = application.by or caller.name
    outcome = await apply(parts, checked, by, application.commit, instant_in(application.at))
    changes = {change.play: change.change for change in outcome.plays if change.change != "unchanged"}
    _logger.info("plays.applied", version=outcome.workspace_version, changes=changes, by=by, published=outcome.published)
    return outcome


@router.get("")
async def list_plays(parts: Given, _: Reader, archived: bool = False) -> Plays:
    """Every play with its state; archived ones only when asked for."""
    partitions = await parts.log.partitions(EVENTS)
    async with reading(parts.database) as connection:
        rows = await store.all_plays(connection)
        already = await store.already_true(connection, partitions)
    return Plays(items=[_play(row, already) for row in rows if archived or not row.archived])


@router.get("/{play}", responses=NOT_FOUND)
async def show_play(play: str, parts: Given, _: Reader) -> PlayInFull:
    """One play: its file, and what was made of it."""
    partitions = await parts.log.partitions(EVENTS)
    async with reading(parts.database) as connection:
        row = await store.one_play(connection, play)
        if row is None:
            raise missing("play", play)
        versions = [Version.of(version) for version in await store.versions_of(connection, play)]
        already = await store.already_true(connection, partitions)
    document = msgspec.json.decode(row.document)
    return PlayInFull(**_play(row, already).model_dump(), source=row.source, document=document, versions=versions)


@router.post("/{play}/pause", responses={**NOT_FOUND, **CONFLICT})
async def pause_play(play: str, parts: Given, caller: Applier, given: At | None = None) -> PauseOutcome:
    """Let the play open no more runs. Open runs and their tasks stay."""
    return await _set_paused(parts, play, caller.name, given, paused=True)


@router.post("/{play}/resume", responses={**NOT_FOUND, **CONFLICT})
async def resume_play(play: str, parts: Given, caller: Applier, given: At | None = None) -> PauseOutcome:
    """Let the play open runs again."""
    return await _set_paused(parts, play, caller.name, given, paused=False)


async def _set_paused(parts: Parts, play: str, by: str, given: At | None, *, paused: bool) -> PauseOutcome:
    published = await set_paused(parts, play, paused, instant_in(given.at if given else None))
    _logger.info("play.paused" if paused else "play.resumed", play=play, by=by, published=published)
    return PauseOutcome(play=play, paused=paused, published=published)


async def _check(parts: Parts, files: dict[str, str]) -> Checked:
    return await asyncio.to_thread(parts.check, files)


def _judgement(checked: Checked) -> Judgement:
    problems = [msgspec.to_builtins(problem) for problem in checked.problems]
    return Judgement(ok=not problems, plays=sorted(play.name for play in checked.plays), problems=problems)


def _play(row: AnyRow, already: Mapping[tuple[str, int], int]) -> Play:
    document = msgspec.json.decode(row.document)
    title, mode = document.get("title") or row.play, document.get("mode", "live")
    return Play.of(row, title=title, mode=mode, already_true=already.get((row.play, row.version)))


def instant_in(text: str | None) -> Instant | None:
    """An instant from a request.

    Raises:
        Refused: it is not ISO 8601.
    """
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        raise Refused(400, "bad_instant", f"{text!r} is not a date and time in ISO 8601") from None
