"""Keys that an instance keeps for the commands of its own machine, in files that only their owner may read."""

import asyncio
import os
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock
from shared.db.key_store import create_key, find_by_hash
from shared.keys import hash_key, make_key


async def keep_key(database: AsyncEngine, secret: bytes, file: Path, kind: str, clock: Clock) -> str:
    """The key in `file`; where there is none that still counts, a new one of this kind is made and kept there (mode 0600).

    Raises OSError: the file can be neither read nor written.
    """
    kept = await asyncio.to_thread(_read, file)
    async with database.begin() as connection:
        if kept and await find_by_hash(connection, hash_key(kept, secret)) is not None:
            return kept
        text, key = make_key(kind, now=clock(), source="local")
        await create_key(connection, key, hash_key(text, secret))
        await asyncio.to_thread(_write, file, text)
        return text


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _write(file: Path, text: str) -> None:
    # Written beside its place and moved there, so that nobody reads half a key or one with another mode.
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as open_file:
        open_file.write(text + "\n")
    beside.replace(file)
