"""Rows of files, and what is sent of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.cli.failures import Unreachable, WrongUsage
from services.cli.import_accounts import Accounts
from services.cli.import_formats import Content
from services.cli.import_rows import Row, event_item, read_rows
from services.cli.import_sending import Sender
from services.cli.import_sending import send as send_rows
from tests.cli.running import a_place, until, up
from tests.conftest import make_settings

AT = "2026-01-01T00:00:00Z"


def read(file: Path, item_of: Any = event_item) -> list[tuple[int, Any]]:
    return [(row.line, row.item if row.item is not None else row.problem) for row in read_rows(file, item_of, Content(file).name)]


def a_file(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_the_columns_of_a_csv_of_accounts_are_traits(tmp_path: Path):
    text = "account_id,plan,mrr,active,note\nacme,pro,1200.5,true,\nbolt,free,0,false,x y\n"
    items = [item for _, item in read(a_file(tmp_path, "a.csv", text), Accounts())]
    assert [(item["account_id"], item["traits"]) for item in items] == [
        ("acme", {"plan": "pro", "mrr": 1200.5, "active": True}),
        ("bolt", {"plan": "free", "mrr": 0, "active": False, "note": "x y"}),
    ]
    assert {item["name"] for item in items} == {"account.updated"}


def test_the_events_of_a_csv_have_properties_as_json(tmp_path: Path):
    text = (
        f'name,account_id,occurred_at,properties\nreport.exported,acme,{AT},"{{""pages"": 3}}"\nreport.exported,acme,{AT},nope\n'
    )
    [(line, item), (bad_line, problem)] = read(a_file(tmp_path, "e.csv", text))
    assert (line, item["properties"], item["imported"]) == (2, {"pages": 3}, True)
    assert (bad_line, problem) == (3, 'properties is not JSON, such as {"pages": 3}')


def test_a_row_with_more_or_fewer_cells_is_bad_by_itself(tmp_path: Path):
    text = f"name,account_id,occurred_at\na.b,acme,{AT},4\na.b,acme\na.b,acme,{AT}\n"
    found = read(a_file(tmp_path, "e.csv", text))
    assert [line for line, _ in found] == [2, 3, 4]
    assert found[0][1] == "it has more cells than the header, which has 3"
    assert found[1][1] == "it has fewer cells than the header, which has 3"
    assert found[2][1]["name"] == "a.b"


def test_parquet_and_json_lines_say_the_same(tmp_path: Path):
    rows = [{"name": "a.b", "account_id": "acme", "user_id": None, "occurred_at": AT, "properties": '{"x": 1}'}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    [(_, from_parquet)] = read(tmp_path / "e.parquet")
    [(_, from_lines)] = read(a_file(tmp_path, "e.jsonl", json.dumps(rows[0]) + "\n"))
    assert from_parquet | {"id": ""} == from_lines | {"id": ""}
    assert from_parquet["properties"] == {"x": 1}


def test_an_event_without_an_id_gets_the_same_one_each_time_its_file_is_read(tmp_path: Path):
    line = json.dumps({"name": "a.b", "account_id": "acme", "occurred_at": AT}) + "\n"
    file = a_file(tmp_path, "e.jsonl", line * 2)
    first, second = (item["id"] for _, item in read(file))
    assert first != second
    assert [item["id"] for _, item in read(file)] == [first, second]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"account_id": "acme", "occurred_at": AT}, "name is missing"),
        ({"name": "a.b", "occurred_at": AT}, "account_id is missing"),
        ({"name": "a.b", "account_id": "acme"}, "occurred_at is missing"),
        ({"name": "a.b", "account_id": "acme", "occurred_at": AT, "colour": 1}, "there is no 'colour'"),
        ({"name": "a.b", "account_id": "acme", "occurred_at": AT, "traits": [1]}, "traits is not a JSON object"),
    ],
)
def test_a_bad_row_says_what_is_wrong(tmp_path: Path, row: dict[str, Any], problem: str):
    [(line, found)] = read(a_file(tmp_path, "e.jsonl", json.dumps(row)))
    assert (line, found.startswith(problem)) == (1, True)


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path):
    for file in (a_file(tmp_path, "e.txt", ""), tmp_path / "absent.csv", a_file(tmp_path, "e.parquet", "no")):
        with pytest.raises(WrongUsage):
            read(file)


# ------------------------------------------------------------------ sending


def rows(count: int) -> list[Row]:
    return [Row("e.csv", number + 2, {"id": str(number), "name": "a.b"}) for number in range(count)]


def a_sender(answer: Callable[[httpx.Request], httpx.Response], tmp_path: Path) -> Sender:
    settings = make_settings(data=tmp_path, key="sp_write_x")
    return Sender(settings, transport=httpx.MockTransport(answer), sleep=lambda _: None)


def test_a_refusal_is_told_with_the_row_it_is_about(tmp_path: Path):
    def answer(request: httpx.Request) -> httpx.Response:
        count = len(json.loads(request.content))
        refused = [{"index": 1, "pointer": "/name", "code": "bad_value", "detail": "no"}] if count > 1 else []
        return httpx.Response(202, json={"accepted": count - len(refused), "refused": refused})

    outcome = send_rows([*rows(3), Row("e.csv", 9, None, "not JSON")], a_sender(answer, tmp_path))
    assert outcome.accepted == 2
    assert outcome.refused == [
        {"file": "e.csv", "line": 9, "column": None, "detail": "not JSON"},
        {"file": "e.csv", "line": 3, "column": "name", "detail": "name: no"},
    ]


def test_rows_go_in_batches_and_each_once(tmp_path: Path):
    seen: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append([item["id"] for item in json.loads(request.content)])
        return httpx.Response(202, json={"accepted": len(seen[-1]), "refused": []})

    assert send_rows(rows(2_500), a_sender(answer, tmp_path)).accepted == 2_500
    assert [len(batch) for batch in seen] == [1_000, 1_000, 500]
    assert [name for batch in seen for name in batch] == [str(number) for number in range(2_500)]


def test_a_system_that_is_busy_is_asked_again_and_one_that_stays_busy_is_unreachable(tmp_path: Path):
    answers = iter([503, 429, 202])

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(next(answers), json={"accepted": 1, "refused": []}, headers={"Retry-After": "1"})

    assert send_rows(rows(1), a_sender(answer, tmp_path)).accepted == 1
    with pytest.raises(Unreachable):
        send_rows(rows(1), a_sender(lambda _: httpx.Response(503), tmp_path))


def test_a_wrong_key_ends_it(tmp_path: Path):
    problem = {"status": 401, "code": "unauthorized", "detail": "no"}
    with pytest.raises(WrongUsage):
        send_rows(rows(1), a_sender(lambda _: httpx.Response(401, json=problem), tmp_path))


@pytest.mark.slow
def test_history_fills_memory_and_fires_nothing_and_counts_once(tmp_path: Path):
    place = a_place(tmp_path)
    workspace = tmp_path / "workspace"
    (workspace / "plays").mkdir(parents=True)
    (workspace / "plays" / "login.yaml").write_text("play: login\nwhen: {event: user.logged_in}\n")
    accounts = a_file(tmp_path, "accounts.csv", "account_id,plan\nacme,pro\nbolt,free\n")
    history = [{"name": "user.logged_in", "account_id": "acme", "occurred_at": f"2026-01-0{day}T00:00:00Z"} for day in (1, 2)]
    events = a_file(tmp_path, "events.jsonl", "".join(json.dumps(event) + "\n" for event in history))
    with up(place, workspace):
        assert place.run("import", "accounts", str(accounts)).code == 0
        for _ in range(2):
            assert place.run("import", "events", str(events), "--json").json == {"accepted": 2, "refused": [], "dry_run": False}
        place.post({"name": "user.logged_in", "account_id": "bolt"})
        assert [run["account_id"] for run in until(lambda: place.run("runs", "list", "--json").json)] == ["bolt"]
        timeline = _timeline(place)
        assert sorted(one["name"] for one in timeline) == ["account.updated", "user.logged_in", "user.logged_in"]


@pytest.mark.slow
def test_accounts_bring_their_aliases_and_the_same_file_again_changes_nothing(tmp_path: Path):
    place = a_place(tmp_path)
    (tmp_path / "workspace").mkdir()
    file = a_file(tmp_path, "accounts.csv", "account_id,plan,domain\nacme,pro,acme.example\nbolt,free,gmail.com\n")
    with up(place, tmp_path / "workspace"):
        place.post({"id": "t1", "name": "ticket.created", "about": ["zendesk:org:9", "email:jo@acme.example"]})
        until(lambda: place.run("unassigned", "list", "--json").json["events"] == 1)
        dry = place.run("import", "accounts", str(file), "--dry-run")
        assert (dry.code, "acme: new, + domain:acme.example" in dry.out, f"{file}:3: domain: gmail.com" in dry.out) == (
            1,
            True,
            True,
        )
        assert place.run("import", "accounts", str(file), "--json").json["aliases"] == 1
        until(lambda: [one["name"] for one in _timeline(place)] == ["ticket.created", "account.updated"])
        assert place.run("unassigned", "list", "--json").json["events"] == 0
        again = place.run("import", "accounts", str(file), "--json").json
        assert (again["accepted"], again["unchanged"], again["new"]) == (0, 1, 0)


def _timeline(place: Any) -> list[dict[str, Any]]:
    key = (place.data / "admin.key").read_text().strip()
    answer = httpx.get(
        f"http://127.0.0.1:{place.port}/api/v1/accounts/acme/timeline",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
