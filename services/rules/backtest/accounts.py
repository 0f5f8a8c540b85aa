"""Accounts from a CSV file: `account_id`, `started_at`, `ends_at`, labels; every other column is a trait.

A value is a number if it is a JSON number, true or false if it says so, else text (an instant is text that is read where one is
needed); an empty one is missing. A label column and `ends_at` are never traits: at the first of them the account ends.
"""

import csv
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.rules.backtest.unreadable import Unreadable
from shared.instants import Instant, parse_instant
from shared.records import JsonObject

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}


class AccountRow(msgspec.Struct, kw_only=True):
    """What the file says of one account."""

    account_id: str
    started_at: Instant | None = None
    ends_at: Instant | None = None
    labels: dict[str, Instant] = {}
    traits: JsonObject = {}

    @property
    def end(self) -> Instant | None:
        """The first of `ends_at` and the labels."""
        ends = [*self.labels.values(), *([] if self.ends_at is None else [self.ends_at])]
        return min(ends) if ends else None


def read_accounts(file: Path, labels: Sequence[str] = ()) -> dict[str, AccountRow]:
    """Read the accounts by their ids; `labels` names the columns that say when something befell an account.

    Raises:
        Unreadable: there is no such file, column or instant, or an account is there twice.
    """
    accounts: dict[str, AccountRow] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            for name in ("account_id", *labels):
                if name not in (rows.fieldnames or ()):
                    raise Unreadable(file, "", f"there is no column {name!r}")
            for cells in rows:
                where = f"line {rows.line_num}"
                row = _row(file, where, cells, labels)
                if row.account_id in accounts:
                    raise Unreadable(file, where, f"account {row.account_id!r} is there twice")
                accounts[row.account_id] = row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(file, "", str(error)) from error
    return accounts


def value_of(text: str) -> float | bool | str | None:
    """The value that a cell means: `12.5` is a number, `true` is true, an empty cell is missing (None)."""
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        number = json.loads(text)
        return number if math.isfinite(number) else text
    return _TRUTH.get(text.lower(), text)


def _row(file: Path, where: str, cells: dict[str, str | None], labels: Sequence[str]) -> AccountRow:
    if None in cells or None in cells.values():
        raise Unreadable(file, where, "it has another number of cells than the header")
    account_id = cells.pop("account_id")
    if not account_id:
        raise Unreadable(file, where, "account_id is empty")
    moments = {name: _moment(file, where, name, cells[name]) for name in ("started_at", "ends_at", *labels) if cells.get(name)}
    traits = {name: value_of(text or "") for name, text in cells.items() if name != "ends_at" and name not in labels}
    return AccountRow(
        account_id=account_id,
        started_at=moments.get("started_at"),
        ends_at=moments.get("ends_at"),
        labels={name: moments[name] for name in labels if name in moments},
        traits={name: value for name, value in traits.items() if value is not None},
    )


def _moment(file: Path, where: str, name: str, text: str | None) -> Instant:
    try:
        return parse_instant(text or "")
    except ValueError as error:
        raise Unreadable(file, where, f"{name}: {error}") from error
