"""History from files: every event of every account, account by account, in the order of the log.

The order is (`received_at`, `seq`, `id`). All of it stays in columns; events are made one by one as they are asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.rules.backtest.tables import read_table
from services.rules.backtest.unreadable import Unreadable
from shared.instants import Instant
from shared.records import Event, JsonObject

Spell = Callable[[str], str]

# The source of an event whose file does not say.
SOURCE = "file"
ROWS = 65_536  # made into events at once


class AnyObject(msgspec.Struct, gc=False, frozen=True):
    """A JSON object of which nothing is kept: reading it tells that it is one."""


_decode_object = msgspec.json.Decoder(JsonObject).decode
_look = msgspec.json.Decoder(AnyObject).decode
NO_PROPERTIES = msgspec.Raw(b"{}")


class History:
    """The events that have an account. The others only move time; `unassigned` counts them."""

    def __init__(self, log: pa.Table, spell: Spell = str) -> None:
        # The first and the last record of the whole log.
        span = pc.min_max(log["received_at"]) if len(log) else {"min": pa.scalar(None), "max": pa.scalar(None)}
        self.first_at: Instant | None = span["min"].as_py()
        self.last_at: Instant | None = span["max"].as_py()
        self.unassigned: int = log["account_id"].null_count
        table = log.filter(pc.is_valid(log["account_id"])) if self.unassigned else log
        self._table = table.unify_dictionaries().combine_chunks()
        self._spell = spell
        self._order = _order(self._table)
        self.events = len(table)

    def accounts(self) -> Iterator[tuple[str, Iterator[Event]]]:
        """Each account, in the order of their ids, with its events. An account's events are gone when the next is asked for."""
        yield from groupby(self._events(), key=attrgetter("account_id"))

    def _events(self) -> Iterator[Event]:
        for begin in range(0, self.events, ROWS):
            yield from _events(self._table.take(self._order.slice(begin, ROWS)), self._spell)


def read_history(files: Sequence[Path], until: Instant | None = None, spell: Spell = str) -> History:
    """Read and sort files; what was received after `until` is left out. `spell` brings names into our form, as ingest does.

    Raises:
        Unreadable: one of them cannot be read.
    """
    table = pa.concat_tables([read_table(file) for file in files], promote_options="default")
    if until is not None:
        table = table.filter(pc.less_equal(table["received_at"], until))
    return History(table, spell)


def _order(table: pa.Table) -> pa.Array:
    """The places of the rows: by account, then as the log has them."""
    accounts = _whole(table["account_id"])
    names = accounts.dictionary.to_pylist()
    place = {name: number for number, name in enumerate(sorted(names))}
    keys = pa.table({
        "account": pa.array([place[name] for name in names], pa.int32()).take(accounts.indices),
        "received_at": table["received_at"],
        "seq": table["seq"] if "seq" in table.column_names else pa.nulls(len(table), pa.int64()),
        "id": table["id"],
    })  # fmt: skip
    return pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


# ------------------------------------------------------------------ columns to events


def _events(table: pa.Table, spell: Spell) -> Iterator[Event]:
    columns = {name: _whole(table[name]) for name in table.column_names}
    nothing: list[Any] = [None] * len(table)

    def words(name: str) -> list[Any]:
        return _words(columns[name]) if name in columns else nothing

    def objects(name: str) -> list[Any]:
        return _texts(columns[name]) if name in columns else nothing

    rows = zip(
        _texts(columns["id"]), _words(columns["name"], spell), words("account_id"), words("user_id"), words("source"),
        _numbers(columns["occurred_at"]) if "occurred_at" in columns else nothing, _numbers(columns["received_at"]),
        objects("properties"), objects("traits"), objects("user_traits"), strict=True,
    )  # fmt: skip
    for key, name, account_id, user_id, source, occurred_at, received_at, properties, traits, user_traits in rows:
        yield Event(
            id=key.decode(),
            name=name,
            source=source or SOURCE,
            account_id=account_id,
            user_id=user_id,
            # An event is not heard before it happens.
            occurred_at=received_at if occurred_at is None or occurred_at > received_at else occurred_at,
            received_at=received_at,
            properties_json=_raw_object(properties, key),
            traits=_object(traits, key, "traits"),
            user_traits=_object(user_traits, key, "user_traits"),
        )


def _raw_object(text: bytes | None, key: bytes) -> msgspec.Raw:
    """Properties stay unread; a look tells that they are an object."""
    if text is None:
        return NO_PROPERTIES
    try:
        _look(text)
    except msgspec.DecodeError as error:
        raise Unreadable(Path("events"), f"id {key.decode()}", f"properties: {error}") from error
    return msgspec.Raw(text)


def _object(text: bytes | None, key: bytes, what: str) -> JsonObject | None:
    if text is None:
        return None
    try:
        return _decode_object(text)
    except msgspec.DecodeError as error:
        raise Unreadable(Path("events"), f"id {key.decode()}", f"{what}: {error}") from error


def _numbers(array: pa.Array) -> list[Any]:
    """The values of an int64 column; much faster than `to_pylist`."""
    values = memoryview(array.buffers()[1]).cast("q")[array.offset : array.offset + len(array)].tolist()
    return _masked(array, values)


def _words(array: pa.Array, spell: Spell = str) -> list[Any]:
    """The values of a dictionary column: each word is one object."""
    known = [spell(word) for word in array.dictionary.to_pylist()]
    indices = array.indices
    numbers = memoryview(indices.buffers()[1]).cast("i")[indices.offset : indices.offset + len(indices)].tolist()
    if not indices.null_count:
        return [known[number] for number in numbers]
    return [known[number] if valid else None for number, valid in zip(numbers, indices.is_valid().to_pylist(), strict=True)]


def _texts(array: pa.Array) -> list[Any]:
    """The bytes of a column of large text."""
    _, places, content = array.buffers()
    offsets = memoryview(places).cast("q")[array.offset : array.offset + len(array) + 1].tolist()
    begin = offsets[0]
    data = bytes(memoryview(content)[begin : offsets[-1]]) if content is not None else b""
    values = [data[start - begin : end - begin] for start, end in pairwise(offsets)]
    return _masked(array, values)


def _masked(array: pa.Array, values: list[Any]) -> list[Any]:
    if not array.null_count:
        return values
    return [value if valid else None for value, valid in zip(values, array.is_valid().to_pylist(), strict=True)]
