from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.ingest.reading.names import normalise
from services.rules.backtest.history import SOURCE, read_history
from services.rules.backtest.unreadable import Unreadable
from shared.instants import instant_of
from shared.records import Event
from tests.backtest.story import at, event, iso, write


def events_of(*files: Path, until: int | None = None) -> list[Event]:
    return [one for _, events in read_history(files, until).accounts() for one in events]


def parquet(folder: Path, **columns: Any) -> Path:
    file = folder / "events.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def test_the_order_is_received_at_then_seq_then_id_for_each_account(tmp_path: Path):
    file = write(
        tmp_path / "e.jsonl",
        [
            event("x", 0, "b", id="1"),
            event("x", 3, id="late", received_at=iso(4)),
            event("x", 4, id="9", seq=1),
            event("x", 4, id="1", seq=2),
            event("x", 4, id="zz"),
            event("x", 4, id="aa"),
            event("x", 1, id="5"),
        ],
    )
    # Where a file gives some events a seq, those without one come after.
    assert [one.id for one in events_of(file)] == ["5", "9", "1", "aa", "late", "zz", "1"]


def test_several_files_are_one_log(tmp_path: Path):
    first = write(tmp_path / "1.jsonl", [event("x", 2, id="c"), event("x", 0, id="a")])
    table = pa.table({"id": ["b"], "name": ["x"], "account_id": ["a"], "occurred_at": [iso(1)]})
    pq.write_table(table, tmp_path / "2.parquet")
    assert [one.id for one in events_of(first, tmp_path / "2.parquet")] == ["a", "b", "c"]


def test_an_event_from_the_future_occurred_when_it_was_received(tmp_path: Path):
    file = write(tmp_path / "e.jsonl", [event("x", 2, received_at=iso(1)), event("x", 1, received_at=iso(2))])
    assert [(one.occurred_at, one.received_at) for one in events_of(file)] == [(at(1), at(1)), (at(1), at(2))]


def test_what_a_line_leaves_out(tmp_path: Path):
    file = tmp_path / "e.jsonl"
    file.write_text('{"name": "x", "account_id": "a", "occurred_at": "2026-01-05T01:00:00+01:00"}\n\n')
    (one,) = events_of(file)
    assert (one.source, one.user_id, one.properties, one.traits) == (SOURCE, None, {}, None)
    assert one.received_at == at(0)
    assert one.id == "e.jsonl#000000000001"


def test_what_a_line_says(tmp_path: Path):
    fields: dict[str, Any] = {
        "id": "1",
        "source": "crm",
        "user_id": "u",
        "properties": {"n": 1},
        "traits": {"plan": "pro"},
        "user_traits": {"k": 2},
    }
    (one,) = events_of(write(tmp_path / "e.jsonl", [event("x", 0, **fields)]))
    assert {name: getattr(one, name) for name in fields} == fields


def test_ids_may_be_numbers(tmp_path: Path):
    (one,) = events_of(
        write(tmp_path / "e.jsonl", [{"id": 7, "name": "x", "account_id": 8, "user_id": 9, "occurred_at": iso(0)}])
    )
    assert (one.id, one.account_id, one.user_id) == ("7", "8", "9")


def test_names_are_spelled_as_ingest_spells_them(tmp_path: Path):
    file = write(tmp_path / "e.jsonl", [event("Report Exported", 0), event("report.exported", 1)])
    history = read_history([file], spell=normalise)
    assert [one.name for _, events in history.accounts() for one in events] == ["report.exported"] * 2


def test_events_without_an_account_are_counted_and_move_time(tmp_path: Path):
    history = read_history([write(tmp_path / "e.jsonl", [event("x", 0), event("x", 1, None, user_id="u")])])
    assert (history.events, history.unassigned, history.last_at) == (1, 1, at(1))


@pytest.mark.parametrize(("until", "ids"), [(at(2), ["0", "2"]), (at(2) - 1, ["0"])])
def test_time_ends_at_until(tmp_path: Path, until: int, ids: list[str]):
    file = write(tmp_path / "e.jsonl", [event("x", day, id=str(day)) for day in (0, 2, 3)])
    assert [one.id for one in events_of(file, until=until)] == ids


MOMENT = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array([MOMENT], pa.timestamp("us", "UTC")),
        pa.array([MOMENT.astimezone(timezone(timedelta(hours=2)))], pa.timestamp("ns", "Europe/Paris")),
        pa.array([MOMENT.isoformat()]),
        pa.array([instant_of(MOMENT)], pa.int64()),
    ],
)
def test_parquet_says_instants_in_many_ways(tmp_path: Path, column: Any):
    file = parquet(tmp_path, name=["x"], account_id=["a"], occurred_at=column, properties=['{"a": 1}'], other=[1])
    (one,) = events_of(file)
    assert one.received_at == instant_of(MOMENT)
    assert one.properties == {"a": 1}


def test_parquet_with_holes(tmp_path: Path):
    file = parquet(
        tmp_path,
        id=pa.array(["1", None], pa.string()),
        name=["x", "y"],
        account_id=pa.array(["a", "a"]).dictionary_encode(),
        user_id=pa.array([None, "u"], pa.string()),
        occurred_at=pa.array([at(0), None], pa.int64()),
        received_at=pa.array([None, at(1)], pa.int64()),
        properties=pa.array([None, '{"a": 1}'], pa.string()),
        traits=pa.array(['{"plan": "pro"}', None], pa.string()),
    )
    first, second = events_of(file)
    assert (first.id, first.user_id, first.occurred_at, first.received_at, first.traits) == (
        "1",
        None,
        at(0),
        at(0),
        {"plan": "pro"},
    )
    assert (second.id, second.user_id, second.occurred_at) == ("events.parquet#000000000002", "u", at(1))
    assert (first.properties, second.properties) == ({}, {"a": 1})


def test_many_events_keep_every_value(tmp_path: Path):
    count = 150_000
    file = parquet(
        tmp_path,
        id=[f"é{n}" for n in range(count)],
        name=[f"n.{n % 3}" for n in range(count)],
        account_id=[f"a{n % 7}" for n in range(count)],
        occurred_at=pa.array([at(0) + count - n for n in range(count)], pa.int64()),
        properties=[f'{{"n": {n}}}' for n in range(count)],
    )
    found = 0
    for account, events in read_history([file]).accounts():
        before = 0
        for one in events:
            number = one.properties["n"]
            assert (one.id, one.name, account) == (f"é{number}", f"n.{number % 3}", f"a{number % 7}")
            assert before < one.received_at == at(0) + count - number
            before = one.received_at
            found += 1
    assert found == count


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"not json", "line 2: "),
        (b'{"account_id": "a", "occurred_at": "2026-01-05"}', "line 2: .*`name`"),
        (b'{"name": "x", "account_id": "a", "occurred_at": "soon"}', "line 2: occurred_at: "),
        (b'{"name": "x", "account_id": [], "occurred_at": "2026-01-05"}', r"line 2: .*\$.account_id"),
        (b'{"name": "x", "account_id": "a"}', "row 2: neither occurred_at nor received_at"),
        (b'{"name": "\xff", "account_id": "a"}', "line 2: "),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, says: str):
    file = write(tmp_path / "e.jsonl", [event("x", 0)])
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(Unreadable, match=says):
        read_history([file])


def test_properties_that_are_no_object_are_named_with_their_event(tmp_path: Path):
    file = parquet(tmp_path, id=["7"], name=["x"], account_id=["a"], occurred_at=[iso(0)], properties=["[1]"])
    with pytest.raises(Unreadable, match="id 7: properties"):
        events_of(file)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"account_id": ["a"], "occurred_at": [iso(0)]}, "no column 'name'"),
        ({"name": ["x"], "account_id": ["a"]}, "no column 'occurred_at'"),
        ({"name": ["x"], "account_id": ["a"], "occurred_at": ["soon"]}, "column occurred_at"),
        ({"name": ["x"], "account_id": [{"a": 1}], "occurred_at": [iso(0)]}, "column account_id"),
    ],
)
def test_bad_parquet_is_named(tmp_path: Path, columns: dict[str, Any], says: str):
    with pytest.raises(Unreadable, match=says):
        read_history([parquet(tmp_path, **columns)])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "no.parquet").write_bytes(b"no")
    with pytest.raises(Unreadable, match=r"no\.parquet: not readable as Parquet"):
        read_history([tmp_path / "no.parquet"])
    with pytest.raises(Unreadable, match=r"nowhere\.jsonl"):
        read_history([tmp_path / "nowhere.jsonl"])


def test_an_empty_file_is_an_empty_history(tmp_path: Path):
    history = read_history([write(tmp_path / "e.jsonl", [])])
    assert (history.events, history.first_at, list(history.accounts())) == (0, None, [])
