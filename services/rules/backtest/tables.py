"""Events of a file as columns: from Parquet and from JSON Lines into one form.

Columns: `id`, `name`, `account_id`, `user_id`, `source` (text, often repeated: as dictionaries), `received_at`, `occurred_at`
(microseconds), `seq`, `properties`, `traits`, `user_traits` (JSON as bytes). The last three, `seq` and `source` may be missing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.rules.backtest.unreadable import Unreadable
from shared.instants import parse_instant

WORD = pa.dictionary(pa.int32(), pa.string())
TYPES: dict[str, pa.DataType] = {
    "id": pa.large_string(),
    "name": WORD,
    "account_id": WORD,
    "user_id": WORD,
    "source": WORD,
    "occurred_at": pa.int64(),
    "received_at": pa.int64(),
    "seq": pa.int64(),
    "properties": pa.large_binary(),
    "traits": pa.large_binary(),
    "user_traits": pa.large_binary(),
}
REQUIRED = ("name", "account_id")
IDS = ("id", "account_id", "user_id")
MOMENTS = ("occurred_at", "received_at")
NOTHING = (b"", b"null")
CHUNK = 8 << 20  # bytes of JSON Lines that become one piece of a table


def read_table(file: Path) -> pa.Table:
    """The events of one file, in its own order. `received_at` is there for every row, an `id` too.

    Raises:
        Unreadable: the file is neither, lacks a column, or a value in it cannot be.
    """
    try:
        table = read_parquet(file) if file.suffix == ".parquet" else read_json_lines(file)
    except OSError as error:
        raise Unreadable(file, "", error.strerror or str(error)) from error
    return _complete(file, table)


# ------------------------------------------------------------------ Parquet


def read_parquet(file: Path) -> pa.Table:
    """Read the columns that we know, each as its type.

    Raises:
        Unreadable: not Parquet, a column is missing or holds something else.
    """
    try:
        parquet = pq.ParquetFile(file)
        names = [name for name in parquet.schema_arrow.names if name in TYPES]
        words = [name for name in names if TYPES[name] == WORD]
        table = pq.read_table(file, columns=names, read_dictionary=words)
    except pa.ArrowException as error:
        raise Unreadable(file, "", f"not readable as Parquet: {error}") from error
    for name in REQUIRED:
        if name not in names:
            raise Unreadable(file, "", f"there is no column {name!r}")
    return pa.table({name: _cast(file, name, table[name]) for name in names})


def _cast(file: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        if name in MOMENTS:
            return _instants(column)
        if TYPES[name] == WORD and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).dictionary_encode()
        return column.cast(TYPES[name])
    except (pa.ArrowException, ValueError) as error:
        raise Unreadable(file, f"column {name}", str(error)) from error


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Instants from a timestamp of any unit (without a zone: UTC), a date, ISO 8601 text, or whole microseconds."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        zone = getattr(column.type, "tz", None)
        return column.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
    return pa.chunked_array([pa.array([text and parse_instant(text) for text in column.to_pylist()], pa.int64())])


# ------------------------------------------------------------------ JSON Lines


class Posted(msgspec.Struct):
    """One event as posted to `/v1/events`, with what an export of history adds."""

    name: str
    id: str | int | None = None
    account_id: str | int | None = None
    user_id: str | int | None = None
    source: str | None = None
    occurred_at: str | None = None
    received_at: str | None = None
    seq: int | None = None
    # JSON as it stands; empty where the line does not say.
    properties: msgspec.Raw = msgspec.Raw()
    traits: msgspec.Raw = msgspec.Raw()
    user_traits: msgspec.Raw = msgspec.Raw()


def read_json_lines(file: Path) -> pa.Table:
    """Read one JSON object a line.

    Raises:
        Unreadable: a line is not such an object; it is named.
    """
    pieces = [_table(file, rows, begin) for begin, rows in _lines(file)]
    return pa.concat_tables(pieces) if pieces else pa.schema(list(TYPES.items())).empty_table()


def _lines(file: Path) -> Iterator[tuple[int, list[Posted]]]:
    """The lines in chunks, each with the number of the first."""
    decode = msgspec.json.Decoder(Posted).decode
    number = 1
    with file.open("rb") as lines:
        while chunk := lines.readlines(CHUNK):
            rows = []
            for place, line in enumerate(chunk, number):
                if line.strip():
                    try:
                        rows.append(decode(line))
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise Unreadable(file, f"line {place}", str(error)) from error
            yield number, rows
            number += len(chunk)


def _table(file: Path, rows: list[Posted], begin: int) -> pa.Table:
    columns: dict[str, Any] = {}
    for name, kind in TYPES.items():
        values = [getattr(row, name) for row in rows]
        if name in IDS:
            values = [None if value is None else str(value) for value in values]
        elif name in MOMENTS:
            values = [_instant(file, text, name, place) for place, text in enumerate(values, begin)]
        elif kind == pa.large_binary():
            values = [None if bytes(raw) in NOTHING else bytes(raw) for raw in values]
        array = pa.array(values, pa.string() if kind == WORD else kind)
        columns[name] = array.dictionary_encode() if kind == WORD else array
    return pa.table(columns)


def _instant(file: Path, text: str | None, name: str, line: int) -> int | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise Unreadable(file, f"line {line}", f"{name}: {error}") from error


# ------------------------------------------------------------------ both


def _complete(file: Path, table: pa.Table) -> pa.Table:
    """Give every row a `received_at` (else when it occurred) and an `id` (else its place in the file)."""
    moments = [table[name] for name in ("received_at", "occurred_at") if name in table.column_names]
    if not moments:
        raise Unreadable(file, "", "there is no column 'occurred_at', and no 'received_at' instead")
    received = pc.coalesce(*moments)
    if received.null_count:
        row = pc.index(pc.is_null(received), True).as_py()
        raise Unreadable(file, f"row {row + 1}", "neither occurred_at nor received_at says when it was")
    table = _with(table, "received_at", received)
    if "id" not in table.column_names or table["id"].null_count:
        places = pa.array([f"{file.name}#{row:012d}" for row in range(1, len(table) + 1)], pa.large_string())
        table = _with(table, "id", pc.coalesce(table["id"], places) if "id" in table.column_names else places)
    return table


def _with(table: pa.Table, name: str, column: Any) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
