"""`/api/v1/plays`: check, apply, list, pause, resume, promote."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.console.access import Applier, Reader
from services.console.apply import Outcome, apply, set_paused
from services.console.checked import Checked
from services.console.paging import AnyRow
from services.console.parts import Given, Parts
from services.console.promote import promote
from services.console.promoted import read_promoted
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
    """A play as applied. A paused one opens no runs until it is resumed.

    `promoted` is what of `mode` and `rollout` was set beside the file; it counts until the file says something else about them.

    `already_true`: for how many subjects its condition was true already when this version was applied; they are ignored or get
    a run as `on_activate` says. Null until all of them were looked at. A version that keeps the condition has none.
    """

    play: str
    version: int
    title: str
    mode: str
    rollout: str
    promoted: dict[str, str] | None
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


class Promotion(At):
    """What is to count beside the file: `shadow` or `live`, and the share of subjects."""

    mode: Literal["shadow", "live"] | None = None
    rollout: str | None = Field(default=None, pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,4})?)%$", examples=["25%"])


class PromotionOutcome(Shown):
    """What was promoted. `published` is false while the log is away."""

    play: str
    mode: str | None = None
    rollout: str | None = None
    published: bool


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


@router.post("/{play}/promote", responses={**NOT_FOUND, **CONFLICT})
async def promote_play(play: str, parts: Given, caller: Applier, given: Promotion) -> PromotionOutcome:
    """Let a mode or a share of the subjects count beside the file, from the next record on: open runs and what is known stay."""
    changes = given.model_dump(include={"mode", "rollout"}, exclude_none=True)
    if not changes:
        raise Refused(400, "nothing_to_promote", "say mode (shadow or live), rollout (such as 25%), or both")
    published = await promote(parts, play, changes, caller.name, instant_in(given.at))
    _logger.info("play.promoted", play=play, by=caller.name, published=published, **changes)
    return PromotionOutcome(play=play, published=published, **changes)


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
    promoted = read_promoted(row.promoted)
    return Play.of(
        row,
        title=document.get("title") or row.play,
        mode=document.get("mode", "live"),
        rollout=document.get("rollout", "100%"),
        promoted=None if promoted is None else promoted.given,
        already_true=already.get((row.play, row.version)),
    )


def instant_in(text: str | None) -> Instant | None:
    """An instant from a request.

    Raises:
        Refused: it is not ISO 8601.
    """
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        raise Refused(400, "bad_instant", f"{text!r} is not a date and time in ISO 8601") from None
