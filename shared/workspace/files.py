"""The files of a workspace's folder, as text."""

from pathlib import Path

from shared.workspace.yaml import MAX_BYTES

SETTINGS = "successplays.yaml"
PEOPLE = "people.yaml"
PLAYS = "plays/"
TESTS = "plays/tests/"


class UnreadableFile(Exception):
    """A file of the workspace, or its folder, cannot be read as text. Says which, and why."""


def read_folder(folder: Path) -> dict[str, str]:
    """The text of `successplays.yaml`, `people.yaml` and of the plays, by path relative to the folder, sorted.

    The plays are all YAML files below `plays/`, except `plays/tests/`. Of a file that is too large only the beginning is read:
    enough for `check` to refuse it.

    Raises:
        UnreadableFile: no such folder, no right to read, or not UTF-8.
    """
    if not folder.is_dir():
        raise UnreadableFile(f"{folder} is not a folder")
    paths = [folder / name for name in (SETTINGS, PEOPLE) if (folder / name).is_file()]
    plays = folder / PLAYS
    paths += [path for pattern in ("*.yaml", "*.yml") for path in plays.rglob(pattern) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: _read(path) for name, path in sorted(named.items()) if not name.startswith(TESTS)}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig", errors="ignore" if len(content) > MAX_BYTES else "strict")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}") from error
