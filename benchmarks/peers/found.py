"""What the peers' programs share: the floor as their step, and what they hand back."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.floor import Floor, Line, Runs
from shared.instants import Instant

# What a step emits: (play, account, opened_at), or with resolved_at when it is the end of one.
Run = tuple[str, str, Instant] | tuple[str, str, Instant, Instant]


class Found(msgspec.Struct):
    """The runs, and how long they took: from the first event to the last run, without the start of the program."""

    seconds: float
    runs: Runs


def taken(floor: Floor, lines: Sequence[Line]) -> Sequence[Run]:
    """What the floor decides at these lines."""
    floor.take(lines)
    runs = floor.runs
    if not (runs.opened or runs.resolved):
        return ()
    floor.runs = Runs()
    return [*runs.opened, *runs.resolved]


def runs_of(emitted: Iterable[Run]) -> Runs:
    """The runs that a step emitted."""
    runs = Runs()
    for run in emitted:
        if len(run) == 3:
            runs.opened.append(run)
        else:
            runs.resolved.append(run)
    return runs


def write_found(path: Path, found: Found) -> None:
    """Leave it where the benchmark looks: a framework may have its own use for the standard output."""
    path.write_bytes(msgspec.json.encode(found))


def read_found(path: Path) -> Found:
    """What a peer's program left."""
    return msgspec.json.decode(path.read_bytes(), type=Found)
