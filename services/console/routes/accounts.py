"""`/api/v1/accounts`: who they are and what happened to them."""

from typing import Any, Literal

import msgspec
from fastapi import APIRouter

from services.console.access import Reader
from services.console.paging import AnyRow, AskedPage, Cursor, Page, read_cursor, write_cursor
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, missing
from services.console.routes.mutes import Mute
from services.console.shown import Moment, Shown
from services.console.store import accounts as store
from services.console.store import mutes
from shared.db.database import reading

MAX_SUBJECTS = 100

router = APIRouter(tags=["accounts"])


class Account(Shown):
    """A customer company."""

    account_id: str
    first_seen_at: Moment
    traits: dict[str, Any]


class Subject(Shown):
    """What plays are evaluated for: the account itself (`value` is empty), a user of it, or a value such as one ticket.

    `next_deadline` is when a play may change its mind though nothing happens.
    """

    kind: str
    value: str
    next_deadline: Moment | None


class AccountInFull(Account):
    """An account with its subjects, at most a hundred, the next deadline first."""

    users: int
    open_runs: int
    open_tasks: int
    muted: Mute | None
    subjects: list[Subject]


class Happening(Shown):
    """One entry of a timeline: an event, a run that opened, or a decision."""

    at: Moment
    kind: Literal["event", "run", "decision"]
    id: str
    name: str
    detail: dict[str, Any]


@router.get("/accounts")
async def list_accounts(parts: Given, _: Reader, asked: AskedPage) -> Page[Account]:
    """Accounts, by name."""
    cursor = read_cursor(asked.cursor, str)
    async with reading(parts.database) as connection:
        found = await store.list_accounts(connection, None if cursor is None else str(cursor.first), asked.limit)
    shown = [_account(row) for row in found[: asked.limit]]
    return Page(items=shown, next=write_cursor(Cursor(shown[-1].account_id)) if len(found) > asked.limit else None)


@router.get("/accounts/{account_id}", responses=NOT_FOUND)
async def show_account(account_id: str, parts: Given, _: Reader) -> AccountInFull:
    """One account."""
    async with reading(parts.database) as connection:
        row = await store.one_account(connection, account_id)
        if row is None:
            raise missing("account", account_id)
        counts = await store.counts_of(connection, account_id)
        muted = await mutes.mute_of(connection, account_id, parts.clock())
        subjects = [Subject.of(subject) for subject in await store.subjects_of(connection, account_id, MAX_SUBJECTS)]
    return AccountInFull.of(
        row, traits=msgspec.json.decode(row.traits), subjects=subjects, muted=muted and Mute.of(muted), **counts
    )


@router.get("/accounts/{account_id}/timeline")
async def show_timeline(account_id: str, parts: Given, _: Reader, asked: AskedPage) -> Page[Happening]:
    """What happened to an account, the newest first: events by when we received them, runs by when they opened, decisions."""
    limit, cursor = asked.limit, read_cursor(asked.cursor, int, int)
    until, seen = (None, 0) if cursor is None else (int(cursor.first), int(cursor.second))
    needed = limit + seen + 1
    async with reading(parts.database) as connection:
        happened = [_event(row) for row in await store.events_until(connection, account_id, until, needed)]
        happened += [_run(row) for row in await store.runs_until(connection, account_id, until, needed)]
        happened += [_decision(row) for row in await store.decisions_until(connection, account_id, until, needed)]
    happened.sort(key=lambda one: one.at, reverse=True)
    shown = happened[seen : seen + limit]
    if len(happened) <= seen + limit:
        return Page(items=shown)
    last = shown[-1].at
    # Of one instant there may be more than fits: the cursor says how many of it were shown.
    shown_of_last = sum(one.at == last for one in happened[: seen + limit])
    return Page(items=shown, next=write_cursor(Cursor(last, shown_of_last)))


def _account(row: AnyRow) -> Account:
    return Account.of(row, traits=msgspec.json.decode(row.traits))


def _event(row: AnyRow) -> Happening:
    detail = {"source": row.source, "properties": msgspec.json.decode(row.properties)}
    if row.user_id is not None:
        detail["user_id"] = row.user_id
    if row.traits is not None:
        detail["traits"] = msgspec.json.decode(row.traits)
    return Happening(at=row.received_at, kind="event", id=row.id, name=row.name, detail=detail)


def _run(row: AnyRow) -> Happening:
    detail = {"subject": row.subject, "arm": row.arm, "evidence": row.evidence, "resolution": row.resolution}
    return Happening(at=row.opened_at, kind="run", id=row.run_id, name=row.play, detail=detail)


def _decision(row: AnyRow) -> Happening:
    detail = {"subject": row.subject, "reason": row.reason, "detail": row.detail}
    return Happening(at=row.at, kind="decision", id=row.decision_id, name=row.play, detail=detail)
