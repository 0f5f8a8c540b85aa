"""What follows from a verdict: why a run is open or not, and what changes first if nothing happens."""

from typing import Any

import pytest

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.explain import explain
from services.rules.core.explaining.standing import REFUSALS, Next, Reason, foresee, reasons
from services.rules.core.state import ITSELF, Account
from tests.rules.timeline import START, applied, at, day_of, event

SILENCE = {"when": {"silence": {"of": "user.login", "for": "3d", "since": "start"}}}
PRO = {"when": {"trait": {"account.plan": "pro"}}}
NPS = {"when": {"event": "nps.answered"}}


def plan(day: float, name: str | None):
    return event("account.updated", day, traits={"plan": name})


def login(day: float):
    return event("user.login", day)


def stands(play: dict[str, Any], *events, now: float, traits=None, paused=False, **more) -> tuple[list[Reason], Next | None]:
    """Why things stand as they do on day `now`, and what comes next."""
    engine = Engine(applied(play), frozenset({"play"}) if paused else frozenset())
    account, effects = Account("acme", START, traits or {}), Effects()
    engine.begin(account, START)
    for one in events:
        engine.take(account, one, effects)
    engine.pass_time(account, at(now), effects)
    (compiled,), document = engine.plays, account.subjects[ITSELF]
    view = engine.view(account, ITSELF, None, at(now))
    state = document.plays["play"]
    found = explain(compiled, state, document.metrics, view, at(now))
    refused = [made.reason for made in effects.decisions if state.known and state.since is not None and made.at >= state.since]
    because = reasons(compiled, state, found, view, at(now), paused, refused)
    return because, foresee(engine, compiled, account, ITSELF, found.verdict)


def codes(play: dict[str, Any], *events, now: float, **more) -> list[str]:
    return [reason.code for reason in stands(play, *events, now=now, **more)[0]]


def until(play: dict[str, Any], *events, now: float, **more) -> dict[str, float]:
    """Until which day each reason holds, of those that end by themselves."""
    return {one.code: day_of(one.until) for one in stands(play, *events, now=now, **more)[0] if one.until is not None}


def following(play: dict[str, Any], *events, now: float, **more) -> tuple[float, bool | None, str] | None:
    """What comes first by itself: (day, verdict, opens/resolves/reasons)."""
    found = stands(play, *events, now=now, **more)[1]
    if found is None:
        return None
    what = "opens" if found.opens else "resolves" if found.resolves else ",".join(found.reasons)
    return day_of(found.at), found.verdict, what


# ---------------------------------------------------------------- why, and why not


def test_a_run_is_open():
    found, _ = stands(PRO, plan(1, "pro"), now=2)
    assert [reason.code for reason in found] == ["open"]
    assert found[0].run_id is not None
    assert "2026-01-02 00:00Z" in found[0].words


def test_false_and_unknown_and_outside_the_audience():
    assert codes(PRO, plan(1, "free"), now=2) == ["condition"]
    assert codes(PRO, now=2) == ["unknown"]
    assert stands(PRO, now=2)[0][0].words.startswith("it cannot be said: account.plan is missing")
    assert codes({**SILENCE, "audience": {"account.plan": "pro"}}, plan(0, "free"), now=2) == ["audience", "condition"]
    assert codes({**SILENCE, "audience": {"account.plan": "pro"}}, plan(0, "free"), now=9) == ["audience"]


def test_a_hold_runs_until_its_end():
    held = {**PRO, "hold": "2d"}
    assert until(held, plan(1, "pro"), now=2) == {"hold": 3}
    assert codes(held, plan(1, "pro"), now=4) == ["open"]


def test_a_cooldown_runs_until_its_end_and_never_for_ever():
    again = [plan(1, "pro"), plan(2, "free"), plan(3, "pro")]
    assert until(PRO, *again, now=4) == {"cooldown": 31}
    assert until(PRO, *again[:2], now=4) == {"cooldown": 31}
    assert codes(PRO, *again, now=4) == ["cooldown"]
    assert codes({**PRO, "again": "never"}, *again, now=40) == ["never"]
    assert codes({**NPS, "again": "after 9d"}, event("nps.answered", 1), now=4) == ["condition", "cooldown"]


def test_a_rise_that_had_its_run():
    resolving = {**PRO, "resolve_when": {"count": {"of": "a.b", "over": "1d", "at_least": 1}}, "again": "every time"}
    assert codes(resolving, plan(1, "pro"), event("a.b", 2), now=3) == ["ended"]


def test_paused_then_and_now():
    assert codes(PRO, plan(1, "pro"), now=2, paused=True) == ["spent", "paused"]
    assert codes(PRO, now=2, traits={"plan": "free"}, paused=True) == ["condition", "paused"]


@pytest.mark.parametrize(
    ("more", "code"), [({"mode": "shadow"}, "shadow"), ({"rollout": "0%"}, "rollout"), ({"holdout": "100%"}, "holdout")]
)
def test_who_gets_nothing(more, code):
    assert code in codes({**PRO, **more}, plan(1, "free"), now=2)
    assert REFUSALS[code] in [reason.words for reason in stands({**PRO, **more}, plan(1, "pro"), now=2)[0]]


def test_before_the_start():
    assert until(SILENCE, now=2, traits={"started_at": "2026-01-09"}) == {"not_begun": 8}


# ---------------------------------------------------------------- what comes next


def test_what_changes_first_if_nothing_happens():
    assert following(SILENCE, login(1), now=2) == (4, True, "opens")
    assert following(SILENCE, login(1), now=5) is None
    assert following(PRO, plan(1, "pro"), now=2) is None
    assert following({**PRO, "hold": "2d"}, plan(1, "pro"), now=2) == (3, True, "opens")
    assert following(PRO, plan(1, "pro"), plan(2, "free"), plan(3, "pro"), now=4) == (31, True, "opens")
    assert following({**SILENCE, "mode": "shadow"}, login(1), now=2) == (4, True, "opens")
    assert following(SILENCE, login(1), now=2, paused=True) == (4, True, "paused")


def test_a_count_that_falls_resolves_its_run():
    busy = {"when": {"count": {"of": "user.login", "over": "2d", "at_least": 2}}}
    assert following(busy, login(1), login(1.5), now=2) == (3, False, "resolves")


def test_looking_ahead_changes_nothing():
    engine, account, effects = Engine(applied(SILENCE)), Account("acme", START, {}), Effects()
    engine.take(account, login(0), effects)
    before = account.subjects[ITSELF].plays["play"].deadline
    assert foresee(engine, engine.plays[0], account, ITSELF, verdict=False) is not None
    assert account.subjects[ITSELF].plays["play"].deadline == before
    assert (effects.opened, list(account.subjects)) == ([], [ITSELF])


def test_a_drop_is_foreseen_day_by_day():
    drop = {"when": {"drop": {"of": "a.b", "over": "7d", "baseline": "14d", "by": "40%", "floor": 1}}}
    events = [event("a.b", day) for day in range(25)]
    # The last was on day 24: three of seven quiet days are a drop of 43%.
    assert following(drop, *events, now=25) == (28, True, "opens")
