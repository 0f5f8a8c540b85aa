"""A measure over some events, by the definition."""

from typing import Any

from shared.records import Event
from tests.oracle.days import local_date
from tests.oracle.matching import is_number
from tests.oracle.told import below


def measured(measure: Any, events: list[Event], zone: str) -> float | None:
    """`events` by `occurred_at`. '`min max avg last` without a value are unknown; `sum` is 0'."""
    if measure == "count":
        return len(events)
    if measure == "users":
        return len({one.user_id for one in events if one.user_id is not None})
    if measure == "days":
        return len({local_date(one.occurred_at or 0, zone) for one in events})
    ((kind, path),) = measure.items()
    values = [below(path.removeprefix("properties."), one.properties) for one in events]
    if kind == "distinct":
        return len({value for value in values if value is not None})
    numbers: list[float] = [value for value in values if is_number(value)]
    if kind == "sum":
        return sum(numbers)
    if not numbers:
        return None
    found = {"min": min(numbers), "max": max(numbers), "last": numbers[-1], "avg": sum(numbers) / len(numbers)}
    return found[str(kind)]
