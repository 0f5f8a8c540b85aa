"""`/api/v1/plays/{play}/runs` and `/starts`: a person or another system starts a play by hand.

A start is an event `play.started`, in the log like any other; its id is the key that makes it happen once.
"""

from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Starter
from services.console.apply import refuse_time
from services.console.outbox import keep
from services.console.parts import Given, Parts
from services.console.refusals import CONFLICT, NOT_FOUND, Refused, missing
from services.console.routes.plays import instant_in
from services.console.shown import Shown
from services.console.store import accounts, plays
from services.console.store import starts as store
from shared.db.database import reading
from shared.instants import DAY
from shared.records import Event, JsonObject, as_json

STARTED = "play.started"
# A repeat of an event is known as one for the month of the first and the one after it.
REPEATS_KNOWN_FOR = 62 * DAY

_logger = structlog.get_logger()

router = APIRouter(prefix="/plays", tags=["plays"])

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class StartGiven(BaseModel):
    """Whom to start the play for. `subject`: the user, or the value, of a play that is not per account. `id`: the key."""

    model_config = ConfigDict(extra="forbid")

    account_id: Text
    subject: Text | None = None
    id: Text | None = None
    by: Text | None = None
    at: str | None = Field(default=None, description="ISO 8601; only for a log opened for replay")


class StartAsked(BaseModel):
    """Which start."""

    account: Text
    id: Text


class Start(Shown):
    """A start and what came of it: the same key once more is the same start.

    `waiting`: it is in the log, and not taken yet. `run`: it opened `run_id`, in this arm. `decision`: it became no run, for this
    `reason`. `nothing`: the play's audience, or what else its condition asks for, was not true.
    """

    play: str
    account_id: str
    id: str
    state: Literal["waiting", "run", "decision", "nothing"]
    run_id: str | None = None
    arm: str | None = None
    reason: str | None = None


@router.post("/{play}/runs", status_code=202, responses={**NOT_FOUND, **CONFLICT})
async def start_play(play: str, given: StartGiven, parts: Given, caller: Starter) -> Start:
    """Start a manual play for an account, or for one of its users or values. A key that was used already starts nothing more."""
    at = instant_in(given.at)
    refuse_time(parts, at)
    start_id = given.id or str(uuid4())
    async with parts.database.begin() as connection:
        document = await _manual(connection, play)
        if await accounts.one_account(connection, given.account_id) is None:
            raise missing("account", given.account_id)
        found = await _outcome(connection, parts, play, given.account_id, start_id)
        if found.state != "waiting":
            return found
        event = _started(play, document, given, start_id, given.by or caller.name)
        await keep(connection, given.account_id, event, at)
    published = await parts.publisher.publish()
    _logger.info("play.started", play=play, account_id=given.account_id, id=start_id, published=published)
    return found


@router.get("/{play}/starts", responses=NOT_FOUND)
async def show_start(play: str, parts: Given, _: Starter, asked: Annotated[StartAsked, Query()]) -> Start:
    """What came of a start, by its account and key."""
    async with reading(parts.database) as connection:
        return await _outcome(connection, parts, play, asked.account, asked.id)


async def _manual(connection: AsyncConnection, name: str) -> JsonObject:
    """The play's document, if it can be started by hand."""
    row = await plays.one_play(connection, name)
    if row is None or row.archived:
        raise Refused(404, "not_found", f"there is no play {name}" if row is None else f"the play {name} is archived")
    document: JsonObject = msgspec.json.decode(row.document)
    if not _asks_for_manual(document.get("when")):
        raise Refused(409, "not_manual", f"the play {name} is not started by hand: its condition is not manual")
    if document.get("mode") == "draft":
        raise Refused(409, "draft", f"the play {name} is a draft, which does nothing")
    return document


def _asks_for_manual(condition: Any) -> bool:
    if isinstance(condition, list):
        return any(_asks_for_manual(part) for part in condition)
    if not isinstance(condition, dict):
        return False
    return "manual" in condition or any(_asks_for_manual(condition.get(word)) for word in ("all", "any"))


def _started(play: str, document: JsonObject, given: StartGiven, start_id: str, by: str) -> Event:
    """The event that starts it; of a play by value the value stands where its events have it."""
    per = document.get("per", "account")
    subject = given.subject
    if per == "account" and subject not in (None, given.account_id):
        raise Refused(400, "bad_subject", f"the play {play} is per account: leave the subject out")
    if per != "account" and subject is None:
        raise Refused(400, "bad_subject", f"the play {play} is per {per if per == 'user' else per['by']}: give a subject")
    properties: JsonObject = {"play": play, "by": by}
    if isinstance(per, dict):
        *parents, last = per["by"].split(".")[1:]
        place = properties
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = subject
    return Event(
        id=start_id,
        name=STARTED,
        source=_source(play),
        account_id=given.account_id,
        user_id=subject if per == "user" else None,
        properties_json=as_json(properties),
    )


def _source(play: str) -> str:
    # With the play in it: one key may start two plays.
    return f"manual:{play}"


async def _outcome(connection: AsyncConnection, parts: Parts, play: str, account_id: str, start_id: str) -> Start:
    start = Start(play=play, account_id=account_id, id=start_id, state="waiting")
    since = parts.clock() - REPEATS_KNOWN_FOR
    event = await store.started_event(connection, account_id, _source(play), start_id, 0 if parts.log.replay else since)
    if event is None:
        return start
    for run in await store.runs_at(connection, play, account_id, event.received_at):
        if run.evidence.get("start") == start_id:
            return start.model_copy(update={"state": "run", "run_id": run.run_id, "arm": run.arm})
    for decision in await store.decisions_at(connection, play, account_id, event.received_at):
        if decision.reason == "error" or decision.detail.get("evidence", {}).get("start") == start_id:
            return start.model_copy(update={"state": "decision", "reason": decision.reason})
    return start.model_copy(update={"state": "nothing"})
