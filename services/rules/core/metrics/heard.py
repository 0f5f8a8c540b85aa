"""The values that events brought, each with when it occurred, in the order in which they were heard: the newest 1,000.

Of what is older, a cell for each local day is kept where `by_days` asks for it. From these a measure can be told from any date
on: exactly where the date lies among the 1,000 or is the beginning of a day, else from the beginning of its day.
"""

from typing import Any

from services.rules.core.calendar import Calendar
from services.rules.core.fields import EventFilter, Measure
from services.rules.core.metrics import folds
from services.rules.core.metrics.contract import key_of
from services.rules.core.metrics.folds import Number
from shared.instants import Instant
from shared.records import Event

KEPT = 1_000

Heard = list[Any]
VALUES, BY_DAY = range(2)


class HeardValues:
    """Memory: `[[[occurred_at, value], ...], {day: cell}]`; days are text, as JSON has it."""

    __slots__ = ("by_days", "days", "filter", "key", "measure", "path")

    def __init__(self, filter: EventFilter, measure: Measure, days: Calendar, by_days: bool) -> None:
        self.filter = filter
        self.measure = measure
        self.days = days
        self.by_days = by_days
        self.path = tuple((measure.path or "").split("."))[1:]
        self.key = key_of("heard", by_days, measure.signature, days.name, filter.signature(days.name))

    def observe(self, memory: Heard | None, event: Event) -> Heard:
        """Keep the event's value; one that brings none changes nothing."""
        at: Instant = event.occurred_at  # type: ignore[assignment]  # set by whoever reads the log
        memory = memory if memory is not None else [[], {}]
        value = folds.value_in(event, self.measure, self.path, self.days, at)
        if value is None:
            return memory
        memory[VALUES].append([at, value])
        if len(memory[VALUES]) > KEPT:
            past, old = memory[VALUES].pop(0)
            if self.by_days:
                day = str(self.days.number(past))
                memory[BY_DAY][day] = folds.add(self.measure.kind, memory[BY_DAY].get(day), past, old)
        return memory

    def values(self, memory: Heard | None, since: Instant) -> list[list[Any]]:
        """Those that occurred at `since` or later, in the order in which they were heard."""
        return [one for one in memory[VALUES] if one[0] >= since] if memory is not None else []

    def is_full(self, memory: Heard | None) -> bool:
        """Whether the next value makes one be forgotten, or become part of its day."""
        return memory is not None and len(memory[VALUES]) >= KEPT

    def since(self, memory: Heard | None, date: Instant) -> Number | None:
        """The measure of what occurred at `date` or later."""
        kind, cell, first = self.measure.kind, None, self.days.number(date)
        for day, old in memory[BY_DAY].items() if memory is not None else ():
            if int(day) >= first:
                cell = folds.merge(kind, cell, old)
        for at, value in self.values(memory, date):
            cell = folds.add(kind, cell, at, value)
        return folds.result(kind, cell)
