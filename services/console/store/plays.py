"""The workspace and its plays, as applied."""

from typing import Any

import msgspec
from sqlalchemy import and_, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.checked import CheckedPlay
from services.console.paging import AnyRow, Rows
from shared.db.tables import activation, play, play_version, workspace
from shared.instants import Instant

WITH_VERSION = (
    select(
        play.c.play,
        play.c.version,
        play.c.archived,
        play.c.paused,
        play.c.promoted,
        play_version.c.document,
        play_version.c.applied_at,
        play_version.c.applied_by,
        play_version.c.commit,
    )
    .join(play_version, and_(play_version.c.play == play.c.play, play_version.c.version == play.c.version))
    .order_by(play.c.play)
)


async def lock_workspace(connection: AsyncConnection) -> None:
    """Let one apply happen at a time. SQLite's transaction has the lock already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE workspace IN EXCLUSIVE MODE"))


async def newest_workspace(connection: AsyncConnection) -> AnyRow | None:
    """What was applied last."""
    return (await connection.execute(select(workspace).order_by(workspace.c.version.desc()).limit(1))).first()


async def add_workspace(connection: AsyncConnection, version: int, document: dict[str, Any], stamp: dict[str, Any]) -> None:
    """Keep what is applied now; `stamp` says when, by whom and of which commit."""
    await connection.execute(insert(workspace), {"version": version, "document": document, **stamp})


async def all_plays(connection: AsyncConnection) -> Rows:
    """Every play with its newest version, archived ones too."""
    return (await connection.execute(WITH_VERSION)).all()


async def one_play(connection: AsyncConnection, name: str) -> AnyRow | None:
    """A play with its newest version and the file as it was written."""
    return (await connection.execute(WITH_VERSION.add_columns(play_version.c.source).where(play.c.play == name))).first()


async def already_true(connection: AsyncConnection, partitions: int) -> dict[tuple[str, int], int]:
    """For how many subjects each (play, version) was true already when it was applied, where all partitions have said so."""
    columns = (activation.c.play, activation.c.version, func.sum(activation.c.already).label("already"))
    asked = select(*columns).where(activation.c.complete).group_by(activation.c.play, activation.c.version)
    found = await connection.execute(asked.having(func.count() == partitions))
    return {(row.play, row.version): int(row.already) for row in found}


async def versions_of(connection: AsyncConnection, name: str) -> Rows:
    """Every version of a play, newest first, without its document."""
    columns = (play_version.c.version, play_version.c.applied_at, play_version.c.applied_by, play_version.c.commit)
    asked = select(*columns).where(play_version.c.play == name).order_by(play_version.c.version.desc())
    return (await connection.execute(asked)).all()


async def add_version(connection: AsyncConnection, version: int, checked: CheckedPlay, stamp: dict[str, Any]) -> None:
    """Make a version the play's newest; the play exists and is not archived from now on."""
    name = checked.name
    if version == 1:
        await connection.execute(insert(play), {"play": name, "version": 1, "archived": False, "paused": False})
    else:
        await connection.execute(update(play).where(play.c.play == name).values(version=version, archived=False))
    document = msgspec.json.encode(checked.document).decode()
    row = {"play": name, "version": version, "document": document, "source": checked.source, **stamp}
    await connection.execute(insert(play_version), row)


async def restore(connection: AsyncConnection, name: str) -> None:
    """Take a play out of the archive, as it was."""
    await connection.execute(update(play).where(play.c.play == name).values(archived=False))


async def archive(connection: AsyncConnection, name: str) -> None:
    """Put a play away: its file is gone. A play that comes back is neither paused nor promoted."""
    await connection.execute(update(play).where(play.c.play == name).values(archived=True, paused=False, promoted=None))


async def set_paused(connection: AsyncConnection, name: str, paused: bool) -> None:
    """Pause or resume."""
    await connection.execute(update(play).where(play.c.play == name).values(paused=paused))


async def set_promoted(connection: AsyncConnection, name: str, promoted: str | None) -> None:
    """Keep what was promoted beside the file, or that nothing is."""
    await connection.execute(update(play).where(play.c.play == name).values(promoted=promoted))


def stamp_of(at: Instant, by: str, commit: str | None) -> dict[str, Any]:
    """When, by whom and of which commit something was applied, as the tables' columns."""
    return {"applied_at": at, "applied_by": by, "commit": commit}
