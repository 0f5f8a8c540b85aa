"""Applying a workspace: what the files say becomes what is true from the next record on, at once or not at all.

One transaction holds the workspace, the versions of its plays, and an `Applied` record for every partition of topic `events`.
Applying the same again changes nothing. A play whose file is gone is archived.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.checked import Checked, CheckedPlay
from services.console.listening import listening_began
from services.console.outbox import keep_for_all
from services.console.paging import AnyRow
from services.console.parts import Parts
from services.console.promoted import PromotedPlay, read_promoted
from services.console.refusals import Refused
from services.console.shown import Shown
from services.console.store import plays as store
from shared.db.database import reading
from shared.instants import Instant
from shared.log.contract import MAX_VALUE
from shared.records import Applied, AppliedPlay, JsonObject, Paused, Resumed, encode
from shared.topics import EVENTS


class Change(Shown):
    """What applying meant for one play: `created`, `changed`, `restored`, `archived` or `unchanged`."""

    play: str
    version: int
    change: str
    paused: bool


class Outcome(Shown):
    """What applying changed. `published` is false while the log is away: the plays take effect when it is back."""

    workspace_version: int
    plays: list[Change]
    published: bool


async def apply(parts: Parts, checked: Checked, by: str, commit: str | None = None, at: Instant | None = None) -> Outcome:
    """Apply a workspace that has no problems. `at` is the time of its records in a log opened for replay.

    Raises:
        Refused: it has problems, or `at` does not fit the log.
        LogUnavailable: the first apply needs the log, to learn when it began.
    """
    refuse_time(parts, at)
    if checked.problems:
        raise ValueError("a workspace with problems cannot be applied")
    async with reading(parts.database) as connection:
        known = await store.newest_workspace(connection)
    began = await listening_began(parts.log, parts.clock, at) if known is None else 0
    partitions = await parts.log.partitions(EVENTS)
    async with parts.database.begin() as connection:
        await store.lock_workspace(connection)
        writing = _Writing(partitions, began, at, store.stamp_of(parts.clock() if at is None else at, by, commit))
        version, changes = await _write(connection, checked, writing)
    return Outcome(workspace_version=version, plays=changes, published=await parts.publisher.publish())


def refuse_time(parts: Parts, at: Instant | None) -> None:
    """A live log gives times by itself; only one opened for replay takes them."""
    if at is not None and not parts.log.replay:
        raise Refused(409, "live_log", "`at` is only for a log opened for replay; this one is live and gives times by itself")


class _Writing(NamedTuple):
    partitions: int
    # Since when this deployment listens, if it has no workspace yet.
    began: Instant
    at: Instant | None
    stamp: JsonObject


async def _write(connection: AsyncConnection, checked: Checked, writing: _Writing) -> tuple[int, list[Change]]:
    newest = await store.newest_workspace(connection)
    before: JsonObject = {} if newest is None else dict(newest.document)
    # What is kept beside the ops team's own words: since when we listen.
    kept = {"listening": dict(checked.listening), "listening_since": before.get("listening_since", writing.began)}
    after: JsonObject = msgspec.to_builtins({**checked.workspace, **kept})
    changes = await _write_plays(connection, checked, writing)
    changed = any(change.change != "unchanged" for change in changes)
    version = 0 if newest is None else int(newest.version)
    if changed or after != before:
        version += 1
        await store.add_workspace(connection, version, after, writing.stamp)
    if changed or newest is None or after["listening"] != before.get("listening"):
        applied = await _applied(connection, after, version)
        if len(encode(applied)) > MAX_VALUE:
            raise Refused(413, "workspace_too_large", f"all plays together are larger than {MAX_VALUE} bytes, a record's limit")
        await keep_for_all(connection, writing.partitions, applied, writing.at)
    return version, changes


async def _write_plays(connection: AsyncConnection, checked: Checked, writing: _Writing) -> list[Change]:
    known = {row.play: row for row in await store.all_plays(connection)}
    kept = {play.name for play in checked.plays}
    changes = [
        await _write_play(connection, play, known.get(play.name), _renamed_from(play, known, kept), writing.stamp)
        for play in sorted(checked.plays, key=lambda play: play.name)
    ]
    renamed = {play.document.get("was") for play in checked.plays}
    for name, row in known.items():
        if name not in kept and not row.archived:
            await store.archive(connection, name)
            if row.paused and name not in renamed:
                await keep_for_all(connection, writing.partitions, Resumed(play=name), writing.at)
            changes.append(Change(play=name, version=row.version, change="archived", paused=False))
    return changes


def _renamed_from(play: CheckedPlay, known: Mapping[str, AnyRow], kept: Collection[str]) -> AnyRow | None:
    """The play that this one was, where its old name is gone."""
    before = known.get(play.document.get("was") or "")
    return None if before is None or before.play in kept else before


async def _write_play(
    connection: AsyncConnection, play: CheckedPlay, row: AnyRow | None, before: AnyRow | None, stamp: JsonObject
) -> Change:
    # What was set beside the file stays with the play, under a new name too.
    paused = row is not None and bool(row.paused)
    origin = before if row is None else row
    promoted = None if origin is None else read_promoted(origin.promoted)
    counts: CheckedPlay = play
    if promoted is not None and promoted.holds(play.document):
        counts = PromotedPlay(play.name, promoted.over(play.document), play.source)
    if row is not None and msgspec.json.decode(row.document) == counts.document:
        if row.archived:
            await store.restore(connection, play.name)
        return Change(play=play.name, version=row.version, change="restored" if row.archived else "unchanged", paused=paused)
    version = 1 if row is None else row.version + 1
    await store.add_version(connection, version, counts, stamp)
    await store.set_promoted(connection, play.name, None if counts is play or promoted is None else promoted.text())
    if before is not None and before.paused and not paused:
        await store.set_paused(connection, play.name, True)
        paused = True
    return Change(play=play.name, version=version, change="created" if row is None else "changed", paused=paused)


async def tell_plays(connection: AsyncConnection, stamp: JsonObject) -> Applied:
    """The record of the plays as they stand now, beside the workspace as it was, in a version of its own."""
    newest = await store.newest_workspace(connection)
    if newest is None:
        raise ValueError("no workspace was applied yet")
    await store.add_workspace(connection, newest.version + 1, newest.document, stamp)
    return await _applied(connection, newest.document, newest.version + 1)


async def _applied(connection: AsyncConnection, workspace: JsonObject, version: int) -> Applied:
    active = [row for row in await store.all_plays(connection) if not row.archived]
    documents = [(row.play, row.version, msgspec.json.decode(row.document)) for row in active]
    return Applied(
        plays=[
            AppliedPlay(play=play, version=version, document=document, was=document.get("was"))
            for play, version, document in documents
        ],
        workspace=version,
        listening=workspace["listening"],
        listening_since=workspace["listening_since"],
    )


async def set_paused(parts: Parts, name: str, paused: bool, at: Instant | None = None) -> bool:
    """Pause or resume a play, from the next record on. Whether the log has it already; doing it again changes nothing.

    Raises:
        Refused: there is no such play, or `at` does not fit the log.
    """
    refuse_time(parts, at)
    partitions = await parts.log.partitions(EVENTS)
    async with parts.database.begin() as connection:
        row = await store.one_play(connection, name)
        if row is None or row.archived:
            raise Refused(404, "not_found", f"there is no play {name}" if row is None else f"the play {name} is archived")
        if bool(row.paused) != paused:
            await store.set_paused(connection, name, paused)
            await keep_for_all(connection, partitions, Paused(play=name) if paused else Resumed(play=name), at)
    return await parts.publisher.publish()
