"""What commands print: tables for people, JSON for programs. What is not the result goes to standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+Z")
# Wide enough for a table that is not cut, where nobody's terminal says how wide it is.
WIDTH_IN_A_PIPE = 200
# Wide enough for any sentence.
WHOLE_LINES = 10_000


def as_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def console(to_stderr: bool = False, in_a_pipe: int = WIDTH_IN_A_PIPE) -> "Console":
    """A rich console on standard output, or error; where that is no terminal, so many columns wide."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else in_a_pipe, highlight=False, markup=False)


def say(sentence: str) -> None:
    """Tell people something that is not the result."""
    sys.stderr.write(sentence + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> None:
    """Print a table, or the sentence `nothing` where there are no rows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = list(rows)
    if not made:
        console().print(nothing)
        return
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # An id that is cut or broken cannot be copied into the next command.
        drawn.add_column(column, no_wrap=column == "id", min_width=len(str(made[0][-1])) if column == "id" else None)
    for row in made:
        drawn.add_row(*(Text(cell_of(cell)) for cell in row))
    console().print(drawn)


def listing(items: Iterable[dict[str, Any]], columns: dict[str, str], nothing: str) -> None:
    """Print items of the API as a table: the heading of each column, and the field that stands in it."""
    table(list(columns), [[item[name] for name in columns.values()] for item in items], nothing)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that counts, up to `total`; where nobody looks at a terminal it is silent."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    counted = "{task.completed:,}" if total is None else "{task.completed:,} of {task.total:,}"
    until = () if total is None else (BarColumn(), TimeRemainingColumn())
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn(counted), *until, TimeElapsedColumn())
    with Progress(*columns, console=console(to_stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def cell_of(value: Any) -> str:
    """A value as it stands in a table: nothing is a dash, evidence is `name value, name value`."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and (instant := _INSTANT.fullmatch(value)):
        return f"{instant[1]} {instant[2]}Z"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inner(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(_inner(each) for each in value) or "-"
    return str(value)


def _inner(value: Any) -> str:
    return f"({cell_of(value)})" if isinstance(value, dict | list) and value else cell_of(value)
