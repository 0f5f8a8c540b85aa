"""Rows of files as items of `POST /v1/events`, each with its place; what is wrong with one sinks no other."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from services.cli.import_formats import values_in
from services.rules.backtest.accounts import value_of
from shared.instants import parse_instant
from shared.records import JsonObject

EVENT_COLUMNS = ("id", "name", "account_id", "user_id", "email", "about", "occurred_at", "source")
JSON_COLUMNS = ("properties", "traits", "user_traits")
# Files of history have these; here the log gives time and place.
LEFT_OUT = ("received_at", "seq", "imported")


class BadRow(ValueError):
    """A row that cannot be sent: in which column (None: as a whole), what is wrong with it, and what would be right."""

    def __init__(self, column: str | None, problem: str) -> None:
        super().__init__(problem)
        self.column = column


class Row(NamedTuple):
    """One row: its place, and what it is sent as, or what is wrong with it and in which column."""

    file: str
    line: int
    item: JsonObject | None
    problem: str | None = None
    column: str | None = None
    # The columns that the item's aliases came from, one by one.
    alias_columns: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where a row stands, and the id that it gets if it has none."""

    file: Path
    line: int
    identity: str


# From a row's values, and its place.
ItemOf = Callable[[JsonObject, Place], JsonObject]


def event_item(values: JsonObject, place: Place) -> JsonObject:
    """One event of the past. Raises BadRow."""
    unknown = sorted(set(values) - {*EVENT_COLUMNS, *JSON_COLUMNS, *LEFT_OUT})
    if unknown:
        known = ", ".join((*EVENT_COLUMNS, *JSON_COLUMNS))
        raise BadRow(unknown[0], f"there is no {unknown[0]!r} in an event: there are {known}")
    item = {name: values[name] for name in EVENT_COLUMNS if values.get(name) not in (None, "")}
    item |= {name: _object(name, values[name]) for name in JSON_COLUMNS if values.get(name) not in (None, "")}
    if "name" not in item:
        raise BadRow("name", "name is missing: an event has a name, such as report.exported")
    if not item.keys() & {"account_id", "user_id", "email", "about"}:
        raise BadRow("account_id", "account_id is missing: say whom it is about, there or in user_id, email or about")
    return {"id": place.identity, **item, "occurred_at": _moment("occurred_at", item.get("occurred_at")), "imported": True}


def read_rows(file: Path, item_of: ItemOf, name: str) -> Iterator[Row]:
    """The rows of a file whose content goes by a name, from which rows without ids get theirs. Raises WrongUsage."""
    for line, values in values_in(file):
        place = Place(file, line, f"import:{name}:{line}")
        if isinstance(values, str):
            yield Row(str(file), line, None, values)
            continue
        try:
            item = item_of(values, place)
        except BadRow as error:
            yield Row(str(file), line, None, str(error), error.column)
        else:
            yield Row(str(file), line, item, alias_columns=tuple(item.pop("alias_columns", ())))


def trait_of(value: Any) -> Any:
    """Text of a CSV is typed as files of history are; instants are written as text."""
    if isinstance(value, str):
        return value_of(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _object(name: str, value: Any) -> JsonObject:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise BadRow(name, f'{name} is not JSON, such as {{"pages": 3}}') from None
    if not isinstance(value, dict):
        raise BadRow(name, f'{name} is not a JSON object, such as {{"pages": 3}}')
    return value


def _moment(name: str, value: Any) -> str:
    if value is None:
        raise BadRow(name, f"{name} is missing: history says when it happened")
    return moment_text(name, value)


def moment_text(name: str, value: Any) -> str:
    """An instant as text. Raises BadRow: it is none."""
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    try:
        parse_instant(text)
    except (ValueError, OverflowError):
        raise BadRow(name, f"{name} is not a date and time in ISO 8601, such as 2026-03-01T09:00:00Z: {text[:60]!r}") from None
    return text
