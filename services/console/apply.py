"""Applying a workspace: what the files say becomes what is true from the next record on, at once or not at all.

One transaction holds the workspace, the versions of its plays, and an `Applied` record for every partition of topic `events`.
Applying the same again changes nothing. A play whose file is gone is archived.
"""

from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.checked import Checked
from services.console.listening import listening_began
from services.console.outbox import keep_for_all
from services.console.parts import Parts
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
    changes = []
    for play in sorted(checked.plays, key=lambda play: play.name):
        row = known.get(play.name)
        paused = row is not None and bool(row.paused)
        if row is not None and msgspec.json.decode(row.document) == play.document:
            if row.archived:
                await store.restore(connection, play.name)
            kind = "restored" if row.archived else "unchanged"
            changes.append(Change(play=play.name, version=row.version, change=kind, paused=paused))
            continue
        version = 1 if row is None else row.version + 1
        await store.add_version(connection, version, play, writing.stamp)
        before = known.get(play.document.get("was") or "")
        if before is not None and before.paused and before.play not in kept and not paused:
            # Renamed: it stays paused.
            await store.set_paused(connection, play.name, True)
            paused = True
        kind = "created" if row is None else "changed"
        changes.append(Change(play=play.name, version=version, change=kind, paused=paused))
    renamed = {play.document.get("was") for play in checked.plays}
    for name, row in known.items():
        if name not in kept and not row.archived:
            await store.archive(connection, name)
            if row.paused and name not in renamed:
                await keep_for_all(connection, writing.partitions, Resumed(play=name), writing.at)
            changes.append(Change(play=name, version=row.version, change="archived", paused=False))
    return changes


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
