"""`/api/v1/aliases`: what foreign names are known to mean; and what an import compares its rows with."""

from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.console.access import Admin, Reader
from services.console.outbox import keep
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, Refused
from services.console.shown import Moment, Shown
from services.console.store import accounts
from services.console.store import unassigned as store
from shared.aliases import LONGEST, AliasInvalid, means_nobody, read_alias
from shared.db.database import reading
from shared.records import Mapping

MAX_SHOWN = 1_000
MAX_COMPARED = 1_000

_logger = structlog.get_logger()

router = APIRouter(tags=["accounts"])

Id = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Alias(Shown):
    """What an alias means, and since when."""

    alias: str
    account_id: str
    since: Moment


class AliasesAsked(BaseModel):
    """Of which account."""

    model_config = ConfigDict(extra="forbid")

    account: Id


class Assignment(BaseModel):
    """An alias (`zendesk:org:99`, `domain:acme.example`, `email:...`, `user:u1`), and the account that it means from now on.

    Of an account that nobody has heard of only with `new`: most often it is misspelt.
    """

    model_config = ConfigDict(extra="forbid")

    alias: Id
    account_id: Id
    new: bool = False


class Assigned(Shown):
    """It is kept, and in the log once `published`; then what waits for it is released: `waiting` under the alias itself."""

    alias: str
    account_id: str
    waiting: int
    published: bool


class Compared(BaseModel):
    """Accounts and aliases to look up."""

    model_config = ConfigDict(extra="forbid")

    account_ids: list[Id] = Field(default=[], max_length=MAX_COMPARED)
    aliases: list[Id] = Field(default=[], max_length=MAX_COMPARED)


class Known(Shown):
    """The traits of those accounts that exist, and the accounts that the aliases mean."""

    accounts: dict[str, dict[str, Any]]
    aliases: dict[str, str]


@router.get("/aliases")
async def list_aliases(parts: Given, _: Reader, asked: Annotated[AliasesAsked, Query()]) -> list[Alias]:
    """What means an account, at most a thousand, by name."""
    async with reading(parts.database) as connection:
        return [Alias.of(row) for row in await store.aliases_of(connection, asked.account, MAX_SHOWN)]


@router.post("/aliases", status_code=202, responses=NOT_FOUND)
async def assign_alias(given: Assignment, parts: Given, caller: Admin) -> Assigned:
    """Say what an alias means, from now on. Events that wait for it are released, once."""
    try:
        alias = read_alias(given.alias)
    except AliasInvalid as error:
        raise Refused(400, "alias_invalid", f"alias: {error}") from None
    if means_nobody(alias):
        raise Refused(400, "alias_invalid", f"alias: {alias} is a free-mail provider's: anybody has an address there")
    async with parts.database.begin() as connection:
        if not given.new and await accounts.one_account(connection, given.account_id) is None:
            near = get_close_matches(given.account_id, await accounts.near(connection, given.account_id), 1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise Refused(404, "not_found", f"there is no account {given.account_id}{hint}")
        waiting = await store.waiting_under(connection, alias)
        await keep(connection, alias, Mapping(alias=alias, account_id=given.account_id))
    _logger.info("alias.assigned", alias=alias, account_id=given.account_id, by=caller.name)
    published = await parts.publisher.publish()
    return Assigned(alias=alias, account_id=given.account_id, waiting=waiting, published=published)


@router.post("/accounts/known")
async def compare(given: Compared, parts: Given, _: Reader) -> Known:
    """What is known of these accounts and aliases."""
    async with reading(parts.database) as connection:
        traits = await store.traits_of(connection, given.account_ids)
        aliases = await store.accounts_of(connection, given.aliases)
    return Known(accounts={name: msgspec.json.decode(text) for name, text in traits.items()}, aliases=aliases)
