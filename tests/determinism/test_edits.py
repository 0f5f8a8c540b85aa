"""What applying, editing, renaming, removing, pausing and resuming a play means for what is known and what is open."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.clock import wall_clock
from shared.db import tables
from shared.log import open_log
from shared.records import decode_runs_record
from tests.conftest import make_settings, opened
from tests.determinism.company import Company
from tests.determinism.lived import bounds

QUIET = "{play: quiet, when: {silence: {of: user.login, for: 14d}}, again: after 30d}"
TICKETS = "{play: tickets, when: {count: {of: ticket.created, over: 7d, at_least: 3}}, again: every time}"


@pytest.fixture
async def company(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Company]:
    settings = make_settings(data=tmp_path, database_url=sqlite_url, replay=True, partitions=2)
    log = await open_log(settings, wall_clock)
    async with opened(settings) as database:
        company = Company(database, log)
        async with company.working(bounds(records=1_000, due=1_000, warm=2, documents=10)):
            yield company
    await log.close()


def edited(play: str, old: str, new: str) -> str:
    """The file after an edit."""
    assert old in play
    return play.replace(old, new)


# ------------------------------------------------------------------ edits that keep what is known


async def test_a_title_keeps_the_open_run_and_the_cooldown_and_raises_the_version(company: Company):
    #  0      14    20       30        44      60
    #  login  run   title    login     quiet   cooldown of the run on day 14 was over on day 44
    await company.apply(0, QUIET)
    await company.hears("user.login", 0)
    titled = edited(QUIET, "{play: quiet", "{play: quiet, title: Gone quiet")
    assert await company.apply(20, titled) == {"quiet": "changed"}
    assert await company.runs(until=25) == [("quiet", 14, None, None)]
    await company.hears("user.login", 29)
    assert await company.runs(until=43.9) == [("quiet", 14, 29, "cleared")]
    assert await company.runs(until=60) == [("quiet", 14, 29, "cleared"), ("quiet", 44, None, None)]
    assert await company.decisions(until=60) == [("quiet", 43, "cooldown")]
    assert [row["version"] for row in await company.rows(tables.run)] == [1, 2]
    assert (await company.plays())["quiet"]["already_true"] == 0


async def test_open_runs_keep_the_steps_they_opened_with(company: Company):
    step = ", do: [{task: {to: inbox, title: One}}]}"
    with_steps = edited(QUIET, "after 30d}", "every time" + step)
    await company.apply(0, with_steps)
    await company.hears("user.login", 0)
    await company.apply(20, edited(with_steps, "One", "Two"))
    await company.hears("user.login", 30)
    assert await company.runs(until=50) == [("quiet", 14, 30, "cleared"), ("quiet", 44, None, None)]
    opened = [record for record in map(decode_runs_record, company.log.runs) if hasattr(record, "steps")]
    assert [(record.version, record.steps[0]["task"]["title"]) for record in opened] == [(1, "One"), (2, "Two")]


async def test_a_rename_carries_runs_cooldown_and_state(company: Company):
    await company.apply(0, QUIET)
    await company.hears("user.login", 0)
    renamed = edited(QUIET, "play: quiet", "play: gone-quiet, was: quiet")
    assert await company.apply(20, renamed) == {"gone-quiet": "created", "quiet": "archived"}
    await company.hears("user.login", 29)
    assert await company.runs(until=60) == [("gone-quiet", 44, None, None), ("quiet", 14, 29, "cleared")]
    assert await company.decisions(until=60) == [("gone-quiet", 43, "cooldown")]


async def test_a_rename_of_what_is_paused_stays_paused_until_it_is_resumed(company: Company):
    await company.apply(0, QUIET)
    await company.pause(1, "quiet")
    await company.hears("user.login", 2)
    await company.apply(10, edited(QUIET, "play: quiet", "play: gone-quiet, was: quiet"))
    assert await company.decisions(until=20) == [("gone-quiet", 16, "paused")]
    assert (await company.plays())["gone-quiet"]["paused"]
    await company.resume(20, "gone-quiet")
    await company.hears("user.login", 21)
    assert await company.runs(until=40) == [("gone-quiet", 35, None, None)]


# ------------------------------------------------------------------ edits that begin anew


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("for: 14d", "for: 13d"),
        ("again:", "hold: 1h, again:"),
        ("again:", "audience: {account.stage: {none_of: [churned], missing: true}}, again:"),
        ("again:", "per: user, again:"),
        ("again:", "resolve_when: {event: ticket.created}, again:"),
    ],
)
async def test_a_condition_hold_audience_or_per_begins_anew(company: Company, old: str, new: str):
    await company.apply(0, QUIET)
    await company.hears("user.login", 0, user="ana")
    await company.apply(20, edited(QUIET, old, new))
    # It was true when it was applied: ignored until it rises anew, whatever the old one's cooldown.
    assert await company.runs(until=29) == [("quiet", 14, 20, "edited")]
    assert (await company.plays())["quiet"]["already_true"] == 1
    await company.hears("user.login", 30, user="ana")
    runs = await company.runs(until=60)
    assert [(play, round(day)) for play, day, *_ in runs] == [("quiet", 14), ("quiet", 43 if "13d" in new else 44)]


async def test_what_begins_anew_with_on_activate_run_opens_at_the_edit(company: Company):
    await company.apply(0, QUIET)
    await company.hears("user.login", 0)
    anew = edited(QUIET, "for: 14d}}", "for: 13d}}, on_activate: run")
    await company.apply(20, anew)
    assert await company.runs(until=30) == [("quiet", 14, 20, "edited"), ("quiet", 20, None, None)]
    assert (await company.plays())["quiet"]["already_true"] == 1


async def test_a_file_that_is_gone_archives_and_ends_its_runs_and_one_that_returns_begins_anew(company: Company):
    await company.apply(0, QUIET, TICKETS)
    await company.hears("user.login", 0)
    assert await company.apply(20, TICKETS) == {"tickets": "unchanged", "quiet": "archived"}
    assert await company.runs(until=21) == [("quiet", 14, 20, "archived")]
    assert (await company.plays())["quiet"]["archived"]
    assert await company.apply(30, QUIET, TICKETS) == {"quiet": "restored", "tickets": "unchanged"}
    assert await company.runs(until=40) == [("quiet", 14, 20, "archived")]
    assert (await company.plays())["quiet"]["already_true"] == 1
    await company.hears("user.login", 41)
    assert await company.runs(until=60) == [("quiet", 14, 20, "archived"), ("quiet", 55, None, None)]


# ------------------------------------------------------------------ pause, mode and rollout


async def test_what_rises_while_a_play_is_paused_is_a_decision_and_needs_a_new_rise(company: Company):
    await company.apply(0, QUIET)
    for account in ("acme", "bolt"):
        await company.hears("user.login", 0, account)
    await company.hears("user.login", 6, "acme")
    await company.pause(16, "quiet")
    assert await company.runs(until=18) == [("quiet", 14, None, None)]
    # bolt's run opened before, and resolves; acme falls silent while the play is paused.
    await company.hears("user.login", 19, "bolt")
    assert await company.decisions(until=25) == [("quiet", 20, "paused")]
    await company.resume(26, "quiet")
    assert await company.runs(until=32) == [("quiet", 14, 19, "cleared")]
    await company.hears("user.login", 33, "acme")
    assert ("quiet", 47, None, None) in await company.runs(until=60)


async def test_a_pause_outlives_an_edit_and_not_an_archive(company: Company):
    await company.apply(0, QUIET)
    await company.pause(1, "quiet")
    await company.apply(2, edited(QUIET, "for: 14d", "for: 13d"))
    await company.hears("user.login", 3)
    assert await company.decisions(until=20) == [("quiet", 16, "paused")]
    await company.apply(21)
    await company.apply(22, QUIET)
    assert not (await company.plays())["quiet"]["paused"]
    await company.hears("user.login", 23)
    assert await company.runs(until=40) == [("quiet", 37, None, None)]


async def test_a_mode_or_rollout_counts_from_its_record_on(company: Company):
    frequent = edited(QUIET, "after 30d", "every time")
    await company.apply(0, edited(frequent, "{play: quiet", "{play: quiet, mode: shadow"))
    await company.hears("user.login", 0)
    await company.hears("user.login", 20)
    await company.apply(21, frequent)
    await company.hears("user.login", 40)
    await company.apply(41, edited(frequent, "{play: quiet", "{play: quiet, rollout: 0%"))
    assert await company.runs(until=60) == [("quiet", 14, 20, "cleared"), ("quiet", 34, 40, "cleared")]
    assert await company.decisions(until=60) == [("quiet", 14, "shadow"), ("quiet", 54, "rollout")]
    assert [row["arm"] for row in await company.rows(tables.run)] == ["shadow", "run"]


SHADOW = edited(edited(QUIET, "after 30d", "every time"), "{play: quiet", "{play: quiet, mode: shadow")


async def test_a_promotion_counts_from_its_record_on_and_keeps_what_is_known(company: Company):
    #  0      14           19        20     34       39        40     54
    #  login  shadow run   promoted  login  the run  to nobody login  decided: rollout
    await company.apply(0, SHADOW)
    await company.hears("user.login", 0)
    await company.promote(19, "quiet", mode="live")
    await company.hears("user.login", 20)
    assert await company.runs(until=39) == [("quiet", 14, 20, "cleared"), ("quiet", 34, None, None)]
    await company.promote(39, "quiet", rollout="0%")
    await company.hears("user.login", 40)
    assert await company.decisions(until=60) == [("quiet", 14, "shadow"), ("quiet", 54, "rollout")]
    assert [(row["arm"], row["version"]) for row in await company.rows(tables.run)] == [("shadow", 1), ("run", 2)]
    assert (await company.plays())["quiet"]["version"] == 3


async def test_a_promotion_outlives_edits_until_the_file_says_something_else_of_it(company: Company):
    await company.apply(0, SHADOW)
    await company.promote(1, "quiet", mode="live")
    assert await company.apply(2, SHADOW) == {"quiet": "unchanged"}
    titled = edited(SHADOW, "mode: shadow", "mode: shadow, title: Gone quiet")
    assert await company.apply(3, titled) == {"quiet": "changed"}
    renamed = edited(titled, "play: quiet", "play: gone, was: quiet")
    await company.apply(4, renamed)
    play = (await company.plays())["gone"]
    assert (play["promoted"], play["document"]["mode"]) == (True, "live")
    await company.apply(5, edited(renamed, "mode: shadow", "mode: shadow, rollout: 50%"))
    play = (await company.plays())["gone"]
    assert (play["promoted"], play["document"]["mode"]) == (False, "shadow")


async def test_a_draft_is_not_evaluated_and_begins_when_it_is_live(company: Company):
    await company.apply(0, edited(QUIET, "{play: quiet", "{play: quiet, mode: draft"))
    await company.hears("user.login", 0)
    await company.apply(5, QUIET)
    assert await company.runs(until=20) == [("quiet", 14, None, None)]


# ------------------------------------------------------------------ a play that comes while traffic flows


async def test_what_is_true_at_the_record_is_ignored_and_what_rises_after_is_an_edge_at_its_own_instant(company: Company):
    #  a: three tickets before the record       b: the third after it         c: quiet already, d: quiet soon
    for account, days in {"a": (1, 2, 3), "b": (2, 3, 4.5)}.items():
        for day in days:
            if day < 4:
                await company.hears("ticket.created", day, account)
    await company.hears("user.login", 3.5, "d")
    await company.apply(4, TICKETS, QUIET)
    await company.hears("ticket.created", 4.5, "b")
    assert await company.runs(until=18) == [("quiet", 17.5, None, None), ("tickets", 4.5, 9, "cleared")]
    plays = await company.plays()
    assert (plays["tickets"]["already_true"], plays["quiet"]["already_true"]) == (1, 0)
    # a's tickets have left the window on day 8: three new ones are a new rise.
    for day in (19, 20, 21):
        await company.hears("ticket.created", day, "a")
    assert ("tickets", 21, None, None) in await company.runs(until=22)


async def test_on_activate_run_opens_for_everybody_for_whom_it_is_true(company: Company):
    for number in range(5):
        for day in (1, 2, 3):
            await company.hears("ticket.created", day, f"a{number}")
    await company.apply(4, edited(TICKETS, "again:", "on_activate: run, again:"))
    assert await company.runs(until=5) == [("tickets", 4, None, None)] * 5
    assert (await company.plays())["tickets"]["already_true"] == 5
    assert await company.decisions(until=5) == []


async def test_a_hold_that_runs_when_the_play_is_applied_is_ignored_too(company: Company):
    await company.hears("user.login", 0)
    await company.apply(20, edited(QUIET, "again:", "hold: 2d, again:"))
    assert await company.decisions(until=30) == [("quiet", 20, "ignored")]
    assert await company.runs(until=30) == []
    assert (await company.plays())["quiet"]["already_true"] == 1


async def test_before_every_account_was_looked_at_nobody_knows_how_many(company: Company):
    await company.hears("user.login", 0)
    await company.apply(20, QUIET)
    assert (await company.plays())["quiet"]["already_true"] in (None, 1)
    await company.comes_to(20)
    assert (await company.plays())["quiet"]["already_true"] == 1
