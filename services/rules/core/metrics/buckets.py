"""A measure by hours or local days. Memory: `[first, cell, cell, ...]`, the first bucket's number and a cell for each from there.

A cell is a number for `count`, `days` and `sum`; a list of texts for `users` and `distinct`, and for the `days` that an hour
lies in; a number or None for `min` and `max`; `[sum, n]` for `avg` and `[occurred_at, value]` for `last`. Zero and None are
empty.
"""

from collections.abc import Callable, Sequence
from typing import Any

from services.rules.core.calendar import Calendar, Fixed, open_bucket
from services.rules.core.fields import EventFilter, Measure, read_path
from services.rules.core.metrics.contract import key_of
from services.rules.core.metrics.values import number_of, text_of
from shared.instants import DAY, Instant
from shared.records import Event

Cell = Any
Number = int | float


class Buckets:
    """The measure of the filter's events in each bucket, `keep` complete buckets back from the open one."""

    __slots__ = ("_add", "_empty", "_over", "calendar", "counts", "days", "filter", "keep", "key", "measure", "path")

    def __init__(self, filter: EventFilter, measure: Measure, calendar: Calendar, days: Calendar, keep: int) -> None:
        self.filter = filter
        self.measure = measure
        self.calendar = calendar
        self.days = days
        self.keep = keep
        self.path = tuple((measure.path or "").split("."))[1:]
        # An hour may lie in two local days.
        by_hours = measure.kind == "days" and isinstance(calendar, Fixed) and calendar.length < DAY
        zone = days.name if by_hours else None
        self.key = key_of("buckets", keep, calendar.name, measure.signature, zone, filter.signature(days.name))
        self.counts = measure.kind == "count"
        self._add = self._local_day if by_hours else _ADD[measure.kind]
        self._over = _how_many if by_hours else _OVER[measure.kind]
        self._empty = 0 if measure.kind in ("count", "days", "sum") and not by_hours else None

    def observe(self, memory: list[Cell] | None, event: Event) -> list[Cell]:
        """Add the event to the bucket in which it occurred; one older than what is kept changes nothing."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        number = self.calendar.number(at)
        if memory is None:
            memory = [number, self._empty]
        place = number - memory[0] + 1
        if 0 < place < len(memory):
            memory[place] = memory[place] + 1 if self.counts else self._add(memory[place], event, self.path)
            return memory
        oldest = open_bucket(self.calendar, event.received_at) - self.keep
        if number < oldest:
            return memory
        if place > 0:
            memory.extend([self._empty] * (place - len(memory) + 1))
        else:
            memory[1:1] = [self._empty] * (1 - place)
            memory[0] = number
            place = 1
        memory[place] = self._add(memory[place], event, self.path)
        if memory[0] < oldest:
            del memory[1 : oldest - memory[0] + 1]
            memory[0] = oldest
        return memory

    def count(self, memory: list[int], bucket: int) -> None:
        """Of a count: add an event of the open bucket, of which there was none yet."""
        memory.extend([0] * (bucket - memory[0] - len(memory) + 1))
        memory.append(1)
        oldest = bucket - self.keep
        if memory[0] < oldest:
            del memory[1 : oldest - memory[0] + 1]
            memory[0] = oldest

    def over(self, memory: list[Cell] | None, first: int, end: int) -> Number | None:
        """The measure over the buckets `first <= number < end`; None where it has no value."""
        if memory is None:
            return self._over([])
        low = first - memory[0] + 1
        cells = memory[max(low, 1) : max(end - memory[0] + 1, 1)]
        return self._over(cells)

    def step(self, memory: list[Cell] | None, number: int, event: Event) -> tuple[Cell, Cell]:
        """Of a measure that adds up: what the bucket holds, and what it will hold after the event. Changes nothing."""
        cell = self.over(memory, number, number + 1)
        return cell, self._add(cell, event, self.path)

    def _local_day(self, cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
        return _with(cell, str(self.days.number(event.occurred_at)))  # type: ignore[arg-type]  # set by whoever reads the log


def _count(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    return (cell or 0) + 1


def _day(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    return 1


def _sum(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    number = number_of(read_path(event.properties, path))
    return cell if number is None else (cell or 0) + number


def _least(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    number = number_of(read_path(event.properties, path))
    return cell if number is None else number if cell is None else min(cell, number)


def _most(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    number = number_of(read_path(event.properties, path))
    return cell if number is None else number if cell is None else max(cell, number)


def _average(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    number = number_of(read_path(event.properties, path))
    return cell if number is None else [number, 1] if cell is None else [cell[0] + number, cell[1] + 1]


def _last(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    number = number_of(read_path(event.properties, path))
    if number is None or (cell is not None and event.occurred_at < cell[0]):
        return cell
    return [event.occurred_at, number]  # of equal instants the later in the log


def _user(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    return _with(cell, event.user_id)


def _value(cell: Cell, event: Event, path: tuple[str, ...]) -> Cell:
    return _with(cell, text_of(read_path(event.properties, path)))


def _with(cell: Cell, text: str | None) -> Cell:
    if text is None:
        return cell
    if cell is None:
        return [text]
    if text not in cell:
        cell.append(text)
    return cell


_ADD: dict[str, Callable[[Cell, Event, tuple[str, ...]], Cell]] = {
    "count": _count,
    "days": _day,
    "sum": _sum,
    "min": _least,
    "max": _most,
    "avg": _average,
    "last": _last,
    "users": _user,
    "distinct": _value,
}


def _smallest(cells: Sequence[Cell]) -> Number | None:
    return min((cell for cell in cells if cell is not None), default=None)


def _largest(cells: Sequence[Cell]) -> Number | None:
    return max((cell for cell in cells if cell is not None), default=None)


def _mean(cells: Sequence[Cell]) -> Number | None:
    total, number = 0, 0
    for cell in filter(None, cells):
        total, number = total + cell[0], number + cell[1]
    return total / number if number else None


def _newest(cells: Sequence[Cell]) -> Number | None:
    return next((cell[1] for cell in reversed(cells) if cell is not None), None)


def _how_many(cells: Sequence[Cell]) -> Number:
    return len(set().union(*filter(None, cells)))


_OVER: dict[str, Callable[[Sequence[Cell]], Number | None]] = {
    "count": sum,
    "days": sum,
    "sum": sum,
    "min": _smallest,
    "max": _largest,
    "avg": _mean,
    "last": _newest,
    "users": _how_many,
    "distinct": _how_many,
}
