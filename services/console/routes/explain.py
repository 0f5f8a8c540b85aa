"""`/api/v1/plays/{play}/explain`: why a play did, or did not, fire for an account, and what became of its runs."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.console.access import Reader
from services.console.parts import Given
from services.console.refusals import NOT_FOUND, missing
from services.console.routes.deliveries import Delivery
from services.console.routes.mutes import Mute
from services.console.routes.plays import instant_in
from services.console.routes.runs import Decision, Run
from services.console.shown import Shown
from services.console.store import accounts, deliveries, mutes, plays
from services.console.store import runs as store
from shared.db.database import reading
from shared.instants import Instant
from shared.matchers import nearest

MOST = 10

router = APIRouter(prefix="/plays", tags=["plays"])


class Asked(BaseModel):
    """About which account, which subject of it, and when."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(max_length=1_000)
    subject: str | None = Field(default=None, max_length=1_000, description="A user or a value, for a play per user or value.")
    at: str | None = Field(default=None, description="ISO 8601. Without it, as things stand now.")


class Clause(Shown):
    """One clause of the verdict: true, false, or null for unknown, in words, with its numbers.

    `kind` is a condition's, `field` of a matcher, or `milestone`; `lacking` are the fields that are missing or of a wrong type.
    """

    kind: str
    verdict: bool | None
    words: str
    evidence: dict[str, Any]
    lacking: list[str]
    clauses: list["Clause"]


class Reason(Shown):
    """One thing that brings a run about or holds it back; what weighs most comes first. `until` is when it ends by itself."""

    code: str
    words: str
    until: str | None
    run_id: str | None


class Next(Shown):
    """What changes first if nothing happens: then the verdict is this, and a run opens, resolves, or is refused for `reasons`."""

    at: str | None
    verdict: bool | None
    opens: bool
    resolves: bool
    reasons: list[str]


class SubjectInShort(Shown):
    """One user or value, where none was asked for."""

    subject: str
    verdict: bool | None
    lacking: list[str]
    reasons: list[Reason]


class RunOfIt(Run):
    """A run of the play for the subject, with what is held, stopped or delivered of it and why."""

    deliveries: list[Delivery]


class Explanation(Shown):
    """The verdict of (audience and condition) at an instant, and why a run is open or not."""

    play: str
    version: int
    title: str
    mode: str
    per: str
    account_id: str
    subject: str | None
    at: str
    verdict: bool | None
    lacking: list[str]
    reasons: list[Reason]
    audience: Clause | None
    condition: Clause | None
    resolve_when: Clause | None
    next: Next | None
    subjects: list[SubjectInShort] | None
    more_subjects: bool
    # What holds deliveries of the account now, beside what each of them says.
    mute: Mute | None
    runs: list[RunOfIt]
    decisions: list[Decision]


@router.get("/{play}/explain", responses=NOT_FOUND)
async def explain_play(play: str, parts: Given, _: Reader, asked: Annotated[Asked, Query()]) -> Explanation:
    """Why the play did, or did not, fire for the account: now, or at an instant of the past."""
    at = instant_in(asked.at)
    async with reading(parts.database) as connection:
        await _refuse_unknown(connection, play, asked.account)
        about = store.About(play=play, account=asked.account, subject=asked.subject, until=at)
        runs = await _runs(connection, about)
        muted = await mutes.mute_of(connection, asked.account, parts.clock())
        decisions = [Decision.of(row) for row in await store.decisions_about(connection, about, MOST)]
    try:
        answer = await parts.explain(parts.database, play, asked.account, asked.subject, at)
    except LookupError:
        # Gone since, or its partition has not taken anything of it yet.
        raise missing("account", asked.account) from None
    return Explanation(**answer, mute=None if muted is None else Mute.of(muted), runs=runs, decisions=decisions)


async def _runs(connection: AsyncConnection, about: store.About) -> list[RunOfIt]:
    """The newest runs with their deliveries: what is held of them and why stands in `state` and `reason` of each."""
    found = await store.runs_about(connection, about, MOST)
    sent = {row.run_id: [Delivery.of(one) for one in await deliveries.of_run(connection, row.run_id)] for row in found}
    return [RunOfIt.of(row, deliveries=sent[row.run_id], **_as_of(row.resolved_at, about.until)) for row in found]


def _as_of(resolved_at: Instant | None, until: Instant | None) -> dict[str, Any]:
    """What had not ended yet at the instant that is asked about was open."""
    later = resolved_at is not None and until is not None and resolved_at > until
    return {"resolved_at": None, "resolution": None} if later else {}


async def _refuse_unknown(connection: AsyncConnection, play: str, account_id: str) -> None:
    """Raises Refused: there is no such play or account; it names the nearest."""
    if await plays.one_play(connection, play) is None:
        names: Sequence[str] = [row.play for row in await plays.all_plays(connection)]
        raise missing("play", play, nearest(play, names))
    if await accounts.one_account(connection, account_id) is None:
        raise missing("account", account_id, nearest(account_id, await accounts.near(connection, account_id)))
