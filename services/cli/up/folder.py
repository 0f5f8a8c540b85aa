"""The workspace's folder while the system runs: applied at the start and whenever its files change.

A file that is wrong changes nothing: what was applied before stays, and what is wrong is said.
"""

import asyncio
from pathlib import Path

from watchfiles import Change, awatch

from services.cli import show
from services.cli.check import check
from services.console.apply import apply
from services.console.parts import Parts
from shared.db.away import DATABASE_AWAY
from shared.instants import Instant
from shared.log.contract import LogUnavailable
from shared.workspace.files import UnreadableFile, read_folder
from shared.workspace.problems import render

BY = "successplays up"
YAML = (".yaml", ".yml")
# Editors write a file in several steps: changes within this time are one.
DEBOUNCE_MS = 300


class Folder:
    """One workspace's folder."""

    def __init__(self, folder: Path, parts: Parts) -> None:
        self._folder = folder
        self._parts = parts

    async def apply(self, at: Instant | None = None) -> bool:
        """Apply the folder as it is; `at` is the time of the record, in a log opened for replay. False: something is wrong."""
        try:
            files = await asyncio.to_thread(read_folder, self._folder)
            checked = await asyncio.to_thread(check, files)
            if checked.problems:
                show.say(render(checked.problems, files))
                show.say(f"{len(checked.problems)} problems in {self._folder}: nothing was changed.")
                return False
            outcome = await apply(self._parts, checked, BY, at=at)
        except UnreadableFile as error:
            show.say(f"{error}: nothing was changed.")
            return False
        except (*DATABASE_AWAY, LogUnavailable) as error:
            show.say(f"{self._folder} could not be applied ({error}): nothing was changed.")
            return False
        changed = [f"{change.play} {change.change}" for change in outcome.plays if change.change != "unchanged"]
        if changed:
            show.say(f"Applied {self._folder}: {', '.join(changed)}.")
        if not files:
            show.say(f"{self._folder} holds no plays yet: put one into {self._folder / 'plays'}, it is applied at once.")
        return True

    async def follow(self, stop: asyncio.Event) -> None:
        """Apply the folder whenever a YAML file in it changes, until `stop`."""
        while not stop.is_set():
            watched = await asyncio.to_thread(self._folders)
            changes = awatch(*watched, recursive=False, watch_filter=_is_ours, stop_event=stop, debounce=DEBOUNCE_MS)
            async for _ in changes:
                await self.apply()
                if await asyncio.to_thread(self._folders) != watched:
                    # A folder came or went: watch those that are there now.
                    break

    def _folders(self) -> list[Path]:
        plays = self._folder / "plays"
        below = sorted(path for path in plays.rglob("*") if path.is_dir()) if plays.is_dir() else []
        return [self._folder, *([plays] if plays.is_dir() else []), *below]


def _is_ours(_: Change, path: str) -> bool:
    return path.endswith(YAML) or Path(path).name == "plays" or Path(path).parent.name == "plays"
