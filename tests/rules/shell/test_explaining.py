"""Explaining from what is stored, and from history replayed up to an instant: it agrees with what the worker decided."""

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.core.engine import Engine
from services.rules.explaining import explain_play
from shared.db import tables
from shared.instants import DAY, parse_instant, show_instant
from shared.log.contract import Log
from shared.records import Applied, AppliedPlay, JsonObject, Paused
from tests.rules.shell.conftest import Scene

START = parse_instant("2026-01-01T00:00:00Z")
QUIET = {"play": "quiet", "when": {"silence": {"of": "user.login", "for": "3d"}}}
EACH = {"play": "each", "per": "user", "when": {"count": {"of": "user.login", "over": "9d", "at_least": 2}}}


def at(day: float) -> int:
    return START + round(day * DAY)


async def apply(scene: Scene, day: float, *plays: JsonObject, version: int = 1) -> None:
    """As the console does: the versions are kept, and the record goes into the log."""
    made = [AppliedPlay(play=play["play"], version=version, document=play) for play in plays]
    async with scene.database.begin() as connection:
        for play in made:
            row = {"play": play.play, "version": version, "document": msgspec.json.encode(play.document).decode()}
            await connection.execute(
                insert(tables.play_version), {**row, "source": "", "applied_at": at(day), "applied_by": "us"}
            )
    await scene.send(Applied(plays=made, listening_since=START), at=at(day))


async def lived(database: AsyncEngine, log: Log) -> Scene:
    """acme logs in on days 1 and 2 and is quiet from then on; zen makes time pass until day 8."""
    scene = Scene(database, log, one_partition=True)
    await apply(scene, 0, QUIET, EACH)
    for day, user in ((1, "ann"), (1, "bo"), (2, "ann")):
        await scene.send(scene.event("user.login", user_id=user, traits={"plan": "pro"}), at=at(day))
    await scene.send(scene.event("user.login", account="zen"), at=at(8))
    async with scene.working(Engine):
        await scene.settled()
    return scene


async def test_now_it_is_as_the_worker_left_it(database: AsyncEngine, replay_log: Log) -> None:
    await lived(database, replay_log)
    found = await explain_play(database, "quiet", "acme")
    assert (found["verdict"], found["subject"], found["at"]) == (True, "acme", show_instant(at(8)))
    assert [reason["code"] for reason in found["reasons"]] == ["open"]
    assert found["condition"]["words"].startswith("no user.login for 6 days, the last on 2026-01-03 00:00Z")
    assert found["next"] is None


async def test_of_the_past_it_is_what_was_decided_then(database: AsyncEngine, replay_log: Log) -> None:
    scene = await lived(database, replay_log)
    [run] = [run for run in await scene.rows(tables.run) if run["play"] == "quiet" and run["account_id"] == "acme"]
    assert run["opened_at"] == at(5)
    before = await explain_play(database, "quiet", "acme", at=at(4))
    assert (before["verdict"], before["reasons"][0]["code"]) == (False, "condition")
    assert before["next"] == {"at": show_instant(at(5)), "verdict": True, "opens": True, "resolves": False, "reasons": []}
    then = await explain_play(database, "quiet", "acme", at=at(5))
    assert (then["verdict"], [reason["code"] for reason in then["reasons"]]) == (True, ["fired", "open"])
    assert then["reasons"][1]["run_id"] == run["run_id"]
    nothing = await explain_play(database, "quiet", "acme", at=at(0.5))
    assert (nothing["verdict"], [reason["code"] for reason in nothing["reasons"]]) == (None, ["not_seen"])


async def test_each_user_in_short_or_one_in_full(database: AsyncEngine, replay_log: Log) -> None:
    await lived(database, replay_log)
    found = await explain_play(database, "each", "acme")
    assert [(one["subject"], one["verdict"]) for one in found["subjects"]] == [("ann", True), ("bo", False)]
    one = await explain_play(database, "each", "acme", "ann", at(2))
    assert one["condition"]["words"] == "2 user.login in the last 9 days; at least 2 is asked for"
    assert one["reasons"][0]["code"] == "fired"
    assert (await explain_play(database, "each", "acme", "nobody"))["reasons"][0]["code"] == "not_seen"
    before = await explain_play(database, "each", "acme", at=at(1))
    assert [(one["subject"], one["verdict"]) for one in before["subjects"]] == [("ann", False), ("bo", False)]


async def test_versions_are_applied_when_they_were(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log, one_partition=True)
    await scene.send(scene.event("user.login"), at=at(1))
    await apply(scene, 2, QUIET)
    await apply(scene, 3, {**QUIET, "when": {"silence": {"of": "user.login", "for": "9d"}}}, version=2)
    await scene.send(scene.event("a.b"), at=at(4.5))
    async with scene.working(Engine):
        await scene.settled()
    assert "the play was first applied" in (await explain_play(database, "quiet", "acme", at=at(1.5)))["reasons"][0]["words"]
    first = await explain_play(database, "quiet", "acme", at=at(2.5))
    assert (first["version"], first["next"]["at"]) == (1, show_instant(at(4)))
    for found in (await explain_play(database, "quiet", "acme", at=at(4.5)), await explain_play(database, "quiet", "acme")):
        assert (found["version"], found["verdict"], found["next"]["at"]) == (2, False, show_instant(at(10)))


async def test_what_is_paused_or_gone_says_so(database: AsyncEngine, replay_log: Log) -> None:
    scene = await lived(database, replay_log)
    await scene.send(Paused(play="quiet"), at=at(9))
    await apply(scene, 10, EACH, version=2)
    async with scene.working(Engine):
        await scene.settled()
    gone = await explain_play(database, "quiet", "acme")
    assert (gone["verdict"], gone["reasons"][0]["code"]) == (True, "inactive")
    draft = {"play": "drafted", "mode": "draft", "when": {"trait": {"account.plan": "pro"}}}
    await apply(scene, 11, draft)
    async with scene.working(Engine):
        await scene.settled()
    drafted = await explain_play(database, "drafted", "acme")
    assert (drafted["verdict"], drafted["reasons"][0]["code"]) == (True, "draft")


async def test_what_is_not_there(database: AsyncEngine, replay_log: Log) -> None:
    await lived(database, replay_log)
    with pytest.raises(LookupError, match="there is no account nobody"):
        await explain_play(database, "quiet", "nobody")
    with pytest.raises(LookupError, match="there is no play loud"):
        await explain_play(database, "loud", "acme")
