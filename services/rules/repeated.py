"""A run of an id that is stored already is recorded as a decision, not as a second run.

A run's id is made from its cause. An event whose (source, id) comes again when the first is two calendar months back is a new
event for the engine, and so may open a run of the id that its first one had. The rows of that one stay as they are.
"""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules import bulk
from services.rules.core.effects import Decision
from services.rules.core.ids import decision_id
from services.rules.core.state import ITSELF
from services.rules.work import Work
from shared.db import tables
from shared.records import RunOpened

REPEATED = "repeated"


async def set_repeated_aside(connection: AsyncConnection, works: Collection[Work]) -> None:
    """Make decisions of the runs, opened by this batch, whose ids are stored, or were opened in it before."""
    opened = [(work, run) for work in works for run in work.effects.opened if run.event is not None]
    if not opened:
        return
    known = {row[0] for row in await bulk.look_up(connection, tables.run, ("run_id",), [(run.run_id,) for _, run in opened], _ID)}
    for work, run in opened:
        if run.run_id in known:
            _set_aside(work, run)
        known.add(run.run_id)


_ID = ("run_id",)


def _set_aside(work: Work, run: RunOpened) -> None:
    effects = work.effects
    effects.opened = [one for one in effects.opened if one is not run]
    cause = f"{run.run_id}\x1f{run.opened_at}"
    effects.decisions.append(
        Decision(
            decision_id=decision_id(run.play, run.account_id, run.per, run.subject, cause, REPEATED),
            play=run.play,
            version=run.version,
            account_id=run.account_id,
            subject=run.subject,
            at=run.opened_at,
            reason=REPEATED,
            detail={"evidence": run.evidence, "run_id": run.run_id},
        )
    )
    _forget(work, run)


def _forget(work: Work, run: RunOpened) -> None:
    """Its end and its goal would be taken for the first one's: one of each id is dropped, here or from what is still open."""
    effects = work.effects
    ended = [place for place, end in enumerate(effects.resolved) if end.run_id == run.run_id]
    reached = [place for place, goal in enumerate(effects.goals) if goal.run_id == run.run_id]
    if ended:
        del effects.resolved[ended[-1]]
    if reached:
        del effects.goals[reached[-1]]
    account = work.loaded.account if work.loaded is not None else None
    for key, document in account.subjects.items() if account is not None else ():
        state = document.plays.get(run.play)
        if state is None or (key != ITSELF and key.value != run.subject):
            continue
        if not ended and run.run_id in state.open_runs:
            place = state.open_runs.index(run.run_id)
            state.open_runs = state.open_runs[:place] + state.open_runs[place + 1 :]
        if not reached and state.watching is not None:
            of_it = [watch for watch in state.watching.runs if watch.run_id == run.run_id][-1:]
            state.watching.runs = [watch for watch in state.watching.runs if watch not in of_it]
            state.watching = state.watching if state.watching.runs else None
        document.settle()
