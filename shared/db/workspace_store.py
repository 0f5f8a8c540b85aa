"""The applied workspace, without its plays: destinations, sources, people. The caller opens the connection."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables import workspace


async def newest_workspace(connection: AsyncConnection, known: int) -> tuple[int, dict[str, Any]] | None:
    """The applied workspace, when it is newer than version `known`."""
    found = await connection.execute(
        select(workspace.c.version, workspace.c.document)
        .where(workspace.c.version > known)
        .order_by(workspace.c.version.desc())
        .limit(1)
    )
    row = found.first()
    return None if row is None else (row[0], row[1])
