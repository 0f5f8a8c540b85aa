"""Rows of accounts: traits, aliases, what is wrong with them in which column, and what they change."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.api import Api
from services.cli.failures import WrongUsage
from services.cli.import_accounts import Accounts, require_columns
from services.cli.import_changes import Changes, only_changes
from services.cli.import_formats import Content
from services.cli.import_rows import Row, read_rows
from services.cli.import_sending import Outcome, Sender
from tests.conftest import make_settings


def rows_of(folder: Path, text: str, name: str = "a.csv") -> list[Row]:
    file = folder / name
    file.write_text(text)
    return list(read_rows(file, Accounts(), Content(file).name))


def test_columns_of_aliases_name_the_account_elsewhere(tmp_path: Path):
    text = "account_id,plan,domain,zendesk_org_id,alias:stripe:customer\nacme,pro,ACME.example; acme.test,99,cus_1\nbolt,,,,\n"
    acme, bolt = rows_of(tmp_path, text)
    assert acme.item is not None
    assert acme.item["aliases"] == ["domain:acme.example", "domain:acme.test", "zendesk:org:99", "stripe:customer:cus_1"]
    assert acme.item["traits"] == {"plan": "pro", "domain": "ACME.example; acme.test"}
    assert acme.alias_columns == ("domain", "domain", "zendesk_org_id", "alias:stripe:customer")
    assert bolt.item is not None
    assert (bolt.item["traits"], bolt.item.get("aliases")) == ({}, None)


def test_an_id_out_of_a_report_of_salesforces_is_the_one_that_its_messages_have(tmp_path: Path):
    text = "account_id,salesforce_account_id\nacme,001D000000IqhSL\nbolt,001D000000IqhTLIAZ\ncask,a-word-of-ours1\n"
    assert [row.item and row.item["aliases"] for row in rows_of(tmp_path, text)] == [
        ["salesforce:account:001D000000IqhSLIAZ"],
        ["salesforce:account:001D000000IqhTLIAZ"],
        ["salesforce:account:a-word-of-ours1"],
    ]


def test_lines_may_have_lists_of_aliases(tmp_path: Path):
    [row] = rows_of(tmp_path, json.dumps({"account_id": 7, "email": ["jo@acme.example", "bo@acme.example"]}), "a.jsonl")
    assert row.item is not None
    assert (row.item["account_id"], row.item["aliases"]) == ("7", ["email:jo@acme.example", "email:bo@acme.example"])


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("acme,,,", "account_id", "stands in line 2 already"),
        (",,,", "account_id", "is missing"),
        ("bolt,yesterday,,", "started_at", "such as 2026-03-01T09:00:00Z"),
        ("bolt,,gmail.com,", "domain", "free-mail"),
        ("bolt,,acme,", "domain", "such as acme.example"),
        ("bolt,,acme.example,", "domain", "is acme's in line 2"),
        ("bolt,,,bolt.example", "email", "not an e-mail address"),
        ("bolt,", None, "fewer cells than the header, which has 4"),
        ("bolt,,,,x", None, "more cells than the header, which has 4"),
    ],
)
def test_a_bad_row_says_its_column_and_what_would_be_right(tmp_path: Path, row: str, column: str | None, words: str):
    good, bad = rows_of(tmp_path, f"account_id,started_at,domain,email\nacme,2025-03-01,acme.example,\n{row}\n")
    assert good.item is not None
    assert (bad.line, bad.item, bad.column) == (3, None, column)
    assert words in (bad.problem or "")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("acount_id,plan", "'acount_id'"),
        ("plan,mrr", "plan, mrr"),
        ("account_id,a,a", "twice"),
        ("account_id,alias:", "alias:"),
    ],
)
def test_a_header_that_cannot_be_is_said_once(tmp_path: Path, header: str, words: str):
    (tmp_path / "a.csv").write_text(f"{header}\n")
    with pytest.raises(WrongUsage, match=words):
        require_columns(tmp_path / "a.csv")


# ------------------------------------------------------------------ what they change


def changed(rows: list[Row], accounts: dict[str, Any], aliases: dict[str, str] | None = None) -> tuple[list[str], Changes]:
    """Which rows are sent, and what they change, of a system that knows these accounts and aliases."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        found = {name: accounts[name] for name in asked["account_ids"] if name in accounts}
        meant = {alias: account for alias, account in (aliases or {}).items() if alias in asked["aliases"]}
        return httpx.Response(200, json={"accounts": found, "aliases": meant})

    api = Api(make_settings(data=Path("/nowhere"), key="sp_admin_x"), transport=httpx.MockTransport(answer))
    changes = Changes()
    return [row.item["account_id"] for row in only_changes(rows, api, changes) if row.item is not None], changes


def test_only_what_changes_something_is_sent(tmp_path: Path):
    text = "account_id,plan,mrr,domain\nacme,pro,5,\nbolt,free,true,\ncore,free,,core.example\nnew,free,1,\n"
    known = {
        "acme": {"plan": "pro", "mrr": 5.0, "seats": 3},
        "bolt": {"plan": "free", "mrr": 1},
        "core": {"plan": "free", "domain": "core.example"},
    }
    sent, changes = changed(rows_of(tmp_path, text), known, {"domain:core.example": "acme"})
    assert sent == ["bolt", "core", "new"]
    assert changes.as_json() == {"new": 1, "changed": 1, "unchanged": 1, "aliases": 1, "moved": 1, "traits": {"mrr": 1}}
    assert changes.words() == "1 new accounts, 1 changed (mrr 1), 1 aliases (1 moved), 1 unchanged"
    assert changes.examples == ["bolt: mrr 1 -> True", "core: domain:core.example (was acme's)", "new: new"]


def test_the_same_rows_again_change_nothing(tmp_path: Path):
    text = "account_id,plan,zendesk_org\n" + "".join(f"a{number},pro,{number}\n" for number in range(1_200))
    accounts = {f"a{number}": {"plan": "pro"} for number in range(1_200)}
    aliases = {f"zendesk:org:{number}": f"a{number}" for number in range(1_200)}
    sent, changes = changed(rows_of(tmp_path, text), accounts, aliases)
    assert (sent, changes.unchanged) == ([], 1_200)


def test_a_bad_row_passes_by_the_comparison(tmp_path: Path):
    rows = rows_of(tmp_path, "account_id,domain\nacme,gmail.com\n")
    assert changed(rows, {}) == ([], Changes())


def test_what_the_system_refuses_is_told_by_its_column(tmp_path: Path):
    def answer(_: httpx.Request) -> httpx.Response:
        pointers = ["/traits/a~1b", "/aliases/1", "/account_id", ""]
        refused = [{"index": number, "pointer": pointer, "detail": "no"} for number, pointer in enumerate(pointers)]
        return httpx.Response(400, json={"accepted": 0, "refused": refused})

    row = Row("a.csv", 2, {"id": "1", "name": "account.updated"}, alias_columns=("domain", "zendesk_org"))
    sender = Sender(make_settings(data=tmp_path, key="sp_write_x"), transport=httpx.MockTransport(answer))
    outcome = Outcome()
    sender.send([(row, b"{}")] * 4, outcome)
    assert [(refused["column"], refused["detail"]) for refused in outcome.refused] == [
        ("a/b", "a/b: no"),
        ("zendesk_org", "zendesk_org: no"),
        ("account_id", "account_id: no"),
        (None, "no"),
    ]
