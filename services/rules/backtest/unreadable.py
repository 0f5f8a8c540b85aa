"""What is wrong with a file of history."""

from pathlib import Path


class Unreadable(Exception):
    """A file cannot be read: which, where in it, and why."""

    def __init__(self, file: Path, where: str, why: str) -> None:
        super().__init__(f"{file}{f': {where}' if where else ''}: {why}")
