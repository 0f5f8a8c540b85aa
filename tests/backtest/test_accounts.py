from pathlib import Path
from typing import Any

import pytest

from services.rules.backtest.accounts import read_accounts, value_of
from services.rules.backtest.unreadable import Unreadable
from shared.instants import parse_instant


def csv(folder: Path, text: str) -> Path:
    file = folder / "accounts.csv"
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("+1", "+1"),
        (".5", ".5"),
        ("1_000", "1_000"),
        ("1e999", "1e999"),
        ("NaN", "NaN"),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("2026-01-05", "2026-01-05"),
        (" 12", " 12"),
        ("", None),
    ],
)
def test_a_cell_is_what_it_says(cell: str, value: Any):
    found = value_of(cell)
    assert found == value
    assert type(found) is type(value)


def test_labels_and_ends_at_are_no_traits_and_end_the_account(tmp_path: Path):
    file = csv(
        tmp_path,
        "\ufeffaccount_id,started_at,ends_at,churned_at,plan,seats\na,2026-01-01,2026-06-01,2026-03-01T12:00:00Z,pro,5\nb,,,,,\n",
    )
    a, b = read_accounts(file, ["churned_at"]).values()
    assert a.traits == {"started_at": "2026-01-01", "plan": "pro", "seats": 5}
    assert a.started_at == parse_instant("2026-01-01")
    assert a.end == parse_instant("2026-03-01T12:00:00Z")
    assert (b.started_at, b.end, b.traits) == (None, None, {})


def test_a_column_that_is_not_asked_for_as_a_label_is_a_trait(tmp_path: Path):
    accounts = read_accounts(csv(tmp_path, "account_id,churned_at\na,2026-03-01\n"))
    assert accounts["a"].traits == {"churned_at": "2026-03-01"}
    assert accounts["a"].end is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,plan\na,pro\n", "no column 'account_id'"),
        ("account_id,plan\na,pro\n", "no column 'churned_at'"),
        ("account_id,churned_at\na,soon\n", "line 2: churned_at"),
        ("account_id,churned_at\n,2026-01-01\n", "line 2: account_id is empty"),
        ("account_id,churned_at\na,2026-01-01\na,\n", "line 3: account 'a' is there twice"),
        ("account_id,churned_at\na\n", "line 2: it has another number of cells"),
        ("account_id,churned_at\na,2026-01-01,more\n", "line 2: it has another number of cells"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, says: str):
    with pytest.raises(Unreadable, match=says):
        read_accounts(csv(tmp_path, text), ["churned_at"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(Unreadable, match=r"nowhere\.csv"):
        read_accounts(tmp_path / "nowhere.csv")
