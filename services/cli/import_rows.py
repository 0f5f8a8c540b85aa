"""Rows of files as items of `POST /v1/events`, each with the line that it stands in; what is wrong with one sinks no other.

CSV and JSON Lines count lines from 1 (a CSV's header is line 1), Parquet counts rows from 1.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from services.cli.failures import WrongUsage
from services.rules.backtest.accounts import value_of
from shared.instants import parse_instant
from shared.records import JsonObject

EVENT_COLUMNS = ("id", "name", "account_id", "user_id", "email", "about", "occurred_at", "source")
JSON_COLUMNS = ("properties", "traits", "user_traits")
# Files of history have these; here the log gives time and place.
LEFT_OUT = ("received_at", "seq", "imported")


class BadRow(ValueError):
    """A row that cannot be sent; the message says what is wrong with it."""


class Row(NamedTuple):
    """One row: its place, and what it is sent as, or what is wrong with it."""

    file: str
    line: int
    item: JsonObject | None
    problem: str | None = None


# From a row's values and the id it gets if it has none.
ItemOf = Callable[[JsonObject, str], JsonObject]


def account_item(values: JsonObject, identity: str) -> JsonObject:
    """Traits of one account, from now on. Raises BadRow."""
    traits = {name: _trait(value) for name, value in values.items() if name != "account_id" and value not in (None, "")}
    # Each import counts for itself: the same values may be true again after others were.
    return {"id": f"{identity}:{_IMPORT}", "name": "account.updated", "account_id": _account(values), "traits": traits}


def event_item(values: JsonObject, identity: str) -> JsonObject:
    """One event of the past. Raises BadRow."""
    unknown = sorted(set(values) - {*EVENT_COLUMNS, *JSON_COLUMNS, *LEFT_OUT})
    if unknown:
        known = ", ".join((*EVENT_COLUMNS, *JSON_COLUMNS))
        raise BadRow(f"there is no {unknown[0]!r} in an event: there are {known}")
    item = {name: values[name] for name in EVENT_COLUMNS if values.get(name) not in (None, "")}
    item |= {name: _object(name, values[name]) for name in JSON_COLUMNS if values.get(name) not in (None, "")}
    if "name" not in item:
        raise BadRow("name is missing: an event has a name, such as report.exported")
    if not item.keys() & {"account_id", "user_id", "email", "about"}:
        raise BadRow("account_id is missing")
    return {"id": identity, **item, "occurred_at": _moment(item.get("occurred_at")), "imported": True}


def read_rows(file: Path, item_of: ItemOf) -> Iterator[Row]:
    """The rows of a file, told by its name.

    Raises:
        WrongUsage: it cannot be read, or is of no kind that we know.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise WrongUsage(f"{file}: the name must end with one of {', '.join(readers)}")
    try:
        with file.open("rb") as opened:
            identity = f"import:{hashlib.file_digest(opened, 'sha256').hexdigest()[:16]}"
        for line, values in reader(file):
            yield _row(file, line, values, item_of, f"{identity}:{line}")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}") from None


def _row(file: Path, line: int, values: JsonObject | str, item_of: ItemOf, identity: str) -> Row:
    if isinstance(values, str):
        return Row(str(file), line, None, values)
    try:
        return Row(str(file), line, item_of(values, identity))
    except BadRow as error:
        return Row(str(file), line, None, str(error))


# ------------------------------------------------------------------ formats: the line, and its values or what is wrong with it


def _csv(file: Path) -> Iterator[tuple[int, JsonObject | str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened, restkey="", restval=None, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise WrongUsage(f"{file}:{reader.line_num}: {error}") from None
            if "" in cells:
                yield reader.line_num, "it has more cells than the header"
            elif None in cells.values():
                yield reader.line_num, "it has fewer cells than the header"
            else:
                yield reader.line_num, dict(cells)


def _json_lines(file: Path) -> Iterator[tuple[int, JsonObject | str]]:
    with file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                yield number, f"it is not JSON: {error}"
                continue
            yield number, values if isinstance(values, dict) else "it is not a JSON object"


def _parquet(file: Path) -> Iterator[tuple[int, JsonObject | str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            rows: Iterable[JsonObject] = (row for batch in opened.iter_batches(5_000) for row in batch.to_pylist())
            yield from enumerate(rows, 1)
    except pa.ArrowException as error:
        raise WrongUsage(f"{file} cannot be read as Parquet: {error}") from None


# ------------------------------------------------------------------ values

_IMPORT = uuid4().hex[:12]


def _account(values: JsonObject) -> str:
    account = values.get("account_id")
    if account in (None, ""):
        raise BadRow("account_id is missing")
    return str(account)


def _trait(value: Any) -> Any:
    """Text of a CSV is typed as files of history are; instants are written as text."""
    if isinstance(value, str):
        return value_of(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _object(name: str, value: Any) -> JsonObject:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise BadRow(f"{name} is not JSON") from None
    if not isinstance(value, dict):
        raise BadRow(f"{name} is not a JSON object")
    return value


def _moment(value: Any) -> str:
    if value is None:
        raise BadRow("occurred_at is missing: history says when it happened")
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    try:
        parse_instant(text)
    except ValueError:
        raise BadRow(f"occurred_at is not a date and time in ISO 8601: {text!r}") from None
    return text
