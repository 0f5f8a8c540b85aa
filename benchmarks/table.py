"""What a benchmark says: a number with its floor, as a row for people and as JSON for programs."""

from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table


class Result(msgspec.Struct, kw_only=True):
    """Medians of interleaved repeats. `ratio` is more when we are better; `target` is what it should reach."""

    what: str
    unit: str
    measured: float
    floor: float
    ratio: float
    target: float | None = None
    repeats: int
    detail: dict[str, object] = {}


def per_second(what: str, events: int, measured: list[float], floor: list[float], target: float | None) -> Result:
    """A throughput, from the seconds of each repeat, ours and the floor's (or a peer's) in turns.

    The ratio is the median of the pairs'.
    """
    return Result(
        what=what,
        unit="events/s",
        measured=events / median(measured),
        floor=events / median(floor),
        ratio=median([theirs / ours for ours, theirs in zip(measured, floor, strict=True)]),
        target=target,
        repeats=len(measured),
        detail={"seconds": measured, "floor_seconds": floor, "events": events},
    )


def show(results: list[Result]) -> None:
    """Print the table of README.md."""
    table = Table("what", "unit", "measured", "floor", "ratio", "target", "repeats")
    for result in results:
        target = f"{result.target:g}" if result.target is not None else ""
        table.add_row(
            result.what, result.unit, f"{result.measured:,.4g}" if result.measured < 1000 else f"{result.measured:,.0f}",
            f"{result.floor:,.4g}" if result.floor < 1000 else f"{result.floor:,.0f}",
            f"{result.ratio:.2f}", target, str(result.repeats),
        )  # fmt: skip
    Console().print(table)
