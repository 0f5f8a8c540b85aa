"""Rows of accounts: `account_id`, columns that name the account's aliases, and every other column a trait.

    account_id, plan, mrr, started_at, domain, zendesk_org, alias:stripe:customer
    acme, pro, 1200.5, 2025-03-01, acme.example, 99, cus_4711

`domain` (or `domains`) and `email` (or `emails`) are aliases and traits, since plays and templates may want them too; the columns
of vendors are aliases alone. Several aliases in one cell stand with a semicolon between them.
"""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.cli.failures import WrongUsage
from services.cli.import_formats import columns_of
from services.cli.import_rows import BadRow, Place, moment_text, trait_of
from shared.aliases import AliasInvalid, domain_alias, email_alias, means_nobody, read_alias
from shared.records import JsonObject

# Columns for the companies of vendors, by what stands before the id in an alias.
VENDORS = {
    "zendesk_org": "zendesk:org",
    "intercom_company": "intercom:company",
    "hubspot_company": "hubspot:company",
    "front_account": "front:account",
    "freshdesk_company": "freshdesk:company",
    "salesforce_account": "salesforce:account",
    "stripe_customer": "stripe:customer",
    "stax_customer": "stax:customer",
}
GENERIC = "alias:"
# Each import counts for itself: the same values may be true again after others were.
_IMPORT = uuid4().hex[:12]


class Accounts:
    """Reads the rows of one import; an account or an alias that stands there twice is a mistake."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._owners: dict[str, tuple[str, int]] = {}

    def __call__(self, values: JsonObject, place: Place) -> JsonObject:
        """Traits and aliases of one account, from now on. Raises BadRow."""
        account_id = _account(values)
        if account_id in self._lines:
            raise BadRow("account_id", f"account {account_id} stands in line {self._lines[account_id]} already")
        traits: JsonObject = {}
        aliases: dict[str, str] = {}
        for column, value in values.items():
            # Not a number is how data frames say that nothing is there.
            if column == "account_id" or value in (None, "") or value != value:  # noqa: PLR0124
                continue
            read = reader_of(column)
            if read is None or column in _ALSO_TRAITS:
                traits[column] = moment_text(column, value) if column == "started_at" else trait_of(value)
            if read is not None:
                aliases |= {self._alias(read, column, text, account_id): column for text in _cells(value)}
        self._lines[account_id] = place.line
        self._owners |= dict.fromkeys(aliases, (account_id, place.line))
        item = {"id": f"{place.identity}:{_IMPORT}", "name": "account.updated", "account_id": account_id, "traits": traits}
        return {**item, "aliases": list(aliases), "alias_columns": list(aliases.values())} if aliases else item

    def _alias(self, read: Callable[[str], str], column: str, text: str, account_id: str) -> str:
        try:
            alias = read(text)
        except AliasInvalid as error:
            raise BadRow(column, f"{column}: {error}") from None
        if means_nobody(alias):
            raise BadRow(column, f"{column}: {text} is a free-mail provider's, where anybody has an address: leave it out")
        owner, line = self._owners.get(alias, (account_id, 0))
        if owner != account_id:
            raise BadRow(column, f"{column}: {alias} is {owner}'s in line {line}; it can be one account's only")
        return alias


def require_columns(file: Path) -> None:
    """Raises WrongUsage: the file's header cannot be one of accounts."""
    columns = columns_of(file)
    if columns is None:
        return
    if "account_id" not in columns:
        near = get_close_matches("account_id", columns, 1)
        hint = f": should {near[0]!r} be it?" if near else f": there are {', '.join(columns[:20]) or 'none'}"
        raise WrongUsage(f"{file}:1: there is no column account_id{hint}")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise WrongUsage(f"{file}:1: the column {twice[0]!r} is there twice")
    for column in columns:
        if column.startswith(GENERIC):
            try:
                read_alias(f"{column.removeprefix(GENERIC)}:x")
            except AliasInvalid:
                raise WrongUsage(f"{file}:1: {column!r} names no kind of alias, as alias:zendesk:org does") from None


def reader_of(column: str) -> Callable[[str], str] | None:
    """How a column's cells become aliases; None where it is a trait."""
    if column in ("domain", "domains"):
        return domain_alias
    if column in ("email", "emails"):
        return email_alias
    kind = column.removeprefix(GENERIC) if column.startswith(GENERIC) else VENDORS.get(column.removesuffix("_id"))
    return None if kind is None else lambda text: read_alias(f"{kind}:{text}")


_ALSO_TRAITS = ("domain", "domains", "email", "emails")


def _account(values: JsonObject) -> str:
    account = values.get("account_id")
    if account in (None, ""):
        raise BadRow("account_id", "account_id is missing: every row says which account it is about")
    if isinstance(account, bool | float | list | dict):
        raise BadRow("account_id", f"account_id is not text or a whole number: {account!r}")
    return str(account)


def _cells(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else str(value).split(";"):
        if str(one).strip():
            yield str(one).strip()
