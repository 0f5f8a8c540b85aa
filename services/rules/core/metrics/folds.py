"""How a measure comes together, value by value. A cell is what is known so far; None is nothing yet.

A cell is a number for `count`, `sum`, `min` and `max`, `[sum, n]` for `avg`, `[occurred_at, value]` for `last`, and the list of
keys for `users`, `days` and `distinct`.
"""

from collections.abc import Callable
from typing import Any

from services.rules.core.calendar import Calendar
from services.rules.core.fields import Measure, read_path
from services.rules.core.metrics.values import number_of, text_of
from shared.instants import Instant
from shared.records import Event

Cell = Any
Number = int | float
_KEYS = ("users", "days", "distinct")


def value_in(event: Event, measure: Measure, path: tuple[str, ...], days: Calendar, at: Instant) -> Any:
    """What the event, which occurred at `at`, brings to the measure; None where it brings nothing."""
    if measure.kind == "count":
        return 1
    if measure.kind == "users":
        return event.user_id
    if measure.kind == "days":
        return days.number(at)
    found = read_path(event.properties, path)
    return text_of(found) if measure.kind == "distinct" else number_of(found)


def add(kind: str, cell: Cell, at: Instant, value: Any) -> Cell:
    """The cell with one more value, later in the log than those in it."""
    if kind == "avg":
        return [value, 1] if cell is None else [cell[0] + value, cell[1] + 1]
    if kind == "last":
        return [at, value] if cell is None or at >= cell[0] else cell
    if kind in _KEYS:
        return [value] if cell is None else cell if value in cell else [*cell, value]
    return value if cell is None else _TWO[kind](cell, value)


def merge(kind: str, earlier: Cell, later: Cell) -> Cell:
    """Two cells as one; of `last`, `later` counts at equal instants."""
    if earlier is None or later is None:
        return later if earlier is None else earlier
    if kind == "avg":
        return [earlier[0] + later[0], earlier[1] + later[1]]
    if kind == "last":
        return later if later[0] >= earlier[0] else earlier
    if kind in _KEYS:
        return [*earlier, *(key for key in later if key not in earlier)]
    return _TWO[kind](earlier, later)


def result(kind: str, cell: Cell) -> Number | None:
    """The measure; None for `min max avg last` of nothing."""
    if cell is None:
        return None if kind in ("min", "max", "avg", "last") else 0
    if kind == "avg":
        return cell[0] / cell[1]  # type: ignore[no-any-return]  # [sum, n]
    if kind == "last":
        return cell[1]  # type: ignore[no-any-return]  # [occurred_at, value]
    return len(cell) if kind in _KEYS else cell


def _sum(one: Number, other: Number) -> Number:
    return one + other


_TWO: dict[str, Callable[[Number, Number], Number]] = {"count": _sum, "sum": _sum, "min": min, "max": max}
