"""An event id that comes again after months: a new event, and no second run of the same id."""

import pytest

from services.rules.core.engine import Engine
from services.rules.core.state import decode_document
from shared.db import tables
from shared.instants import DAY, Instant
from shared.log.contract import Log
from shared.records import Applied, AppliedPlay, JsonObject
from tests.rules.shell.conftest import Scene

FIRST: Instant = 1_767_225_600_000_000  # 2026-01-01
GOAL = {"when": {"count": {"of": "report.exported", "over": "1d", "at_least": 1}}, "within": "2d"}
IMPULSE: JsonObject = {"play": "said", "when": {"event": "nps.answered"}, "goal": GOAL}
LEVEL: JsonObject = {
    "play": "often",
    "when": {"count": {"of": "nps.answered", "over": "1d", "at_least": 1}},
    "again": "every time",
}


@pytest.fixture
async def replayed(database, replay_log: Log) -> Scene:
    return Scene(database, replay_log, one_partition=True)


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_second_run_is_a_decision_and_the_first_stays_as_it_was(replayed: Scene, at_once: bool) -> None:
    scene, again_at = replayed, FIRST + 70 * DAY
    plays = [AppliedPlay(play=play["play"], version=1, document=play) for play in (IMPULSE, LEVEL)]
    await scene.send(("", b'{"type":"tick"}'), at=FIRST - 2)
    await scene.send(Applied(plays=plays), at=FIRST - 1)
    await scene.send(scene.event("nps.answered", id="a"), at=FIRST)
    if not at_once:
        async with scene.working(Engine):
            await scene.settled()
    await scene.send(scene.event("report.exported", id="b"), at=FIRST + DAY)
    await scene.send(scene.event("nps.answered", id="a"), at=again_at)
    await scene.send(scene.event("report.exported", id="c"), at=again_at + 3 * DAY)
    async with scene.working(Engine):
        await scene.settled()
    rows = {row["play"]: row for row in await scene.rows(tables.run)}
    assert {play: (row["opened_at"], row["resolved_at"], row["goal_at"]) for play, row in rows.items()} == {
        "said": (FIRST, None, FIRST + DAY),
        "often": (FIRST, FIRST + DAY, None),
    }
    decided = [(row["play"], row["reason"], row["at"]) for row in await scene.rows(tables.decision)]
    assert sorted(decided) == [("often", "repeated", again_at), ("said", "repeated", again_at)]
    published = [(type(record).__name__, record.play) for record in await scene.runs()]
    assert sorted(published) == [("RunGoal", "said"), ("RunOpened", "often"), ("RunOpened", "said"), ("RunResolved", "often")]
    [subject] = await scene.rows(tables.subject)
    states = decode_document(subject["document"]).plays
    assert {name: (state.open_runs, state.watching, state.last_opened) for name, state in states.items()} == {
        "said": ((), None, again_at),
        "often": ((), None, again_at),
    }
