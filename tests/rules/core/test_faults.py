"""A fault in one play's judgement: a decision `error`, and nothing else changes."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from services.rules.core.condition import Leaf
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account
from tests.rules.timeline import START, applied, at, day_of, event

BROKEN = {"play": "broken", "when": {"all": [{"event": "nps.answered"}, {"trait": {"account.plan": "pro"}}]}}
SILENT = {"play": "silent", "when": {"silence": {"of": "user.login", "for": "3d"}}}
SOUND = {"play": "sound", "when": {"event": "nps.answered"}}


class Planted(Leaf):
    """A leaf with a mistake in it: it divides by nothing, on the days that it is told, where it is told."""

    def __init__(self, planted: Leaf, days: Iterable[float], part: str = "verdict") -> None:
        self.impulse, self.filter, self.metrics = planted.impulse, planted.filter, planted.metrics
        self._planted, self._days, self._part = planted, set(days), part

    def _ask(self, part: str, metrics: Any, own: Any, view: Any, now: int) -> Any:
        if part == self._part and any(at(day) <= now <= at(day) + 1 for day in self._days):
            raise ZeroDivisionError(f"of {view.account.account_id}")
        return getattr(self._planted, part)(metrics, own, view, now)

    def verdict(self, metrics, own, view, now):
        return self._ask("verdict", metrics, own, view, now)

    def next_change(self, metrics, own, view, now):
        return self._ask("next_change", metrics, own, view, now)

    def evidence(self, metrics, own, view, now):
        return self._ask("evidence", metrics, own, view, now)


def broken(engine: Engine, play: str, days: Iterable[float], part: str = "verdict") -> None:
    """Plant the mistake into the first leaf of a play."""
    compiled = next(one for one in engine.plays if one.name == play)
    compiled.leaves[0] = Planted(compiled.leaves[0], days, part)
    if compiled.only_leaf is not None:
        compiled.only_leaf = compiled.leaves[0]
    if compiled.plain_leaf is not None:
        compiled.plain_leaf = compiled.leaves[0]


def lived(plant: Callable[[Engine], None], *events, plays=(BROKEN, SOUND, SILENT), until: float) -> tuple[Effects, Account]:
    engine, effects, account = Engine(applied(*plays)), Effects(), Account("acme", START, {"plan": "pro"})
    plant(engine)
    for one in events:
        engine.take(account, one, effects)
    engine.pass_time(account, at(until) + 1, effects)
    return effects, account


def nps(day: float):
    return event("nps.answered", day)


def test_a_fault_is_a_decision_with_its_type_and_place_and_no_data():
    effects, _ = lived(lambda engine: broken(engine, "broken", [2]), nps(1), nps(2), nps(3), until=4)
    (made,) = effects.decisions
    assert (made.play, made.subject, made.reason, day_of(made.at)) == ("broken", "acme", "error", 2)
    assert made.detail["error"] == "ZeroDivisionError"
    assert "test_faults.py" in made.detail["place"]
    assert "acme" not in str(made.detail)


def test_other_plays_and_later_events_go_on():
    effects, _ = lived(lambda engine: broken(engine, "broken", [2]), nps(1), nps(2), nps(3), until=4)
    assert [day_of(run.opened_at) for run in effects.opened if run.play == "broken"] == [1, 3]
    assert [day_of(run.opened_at) for run in effects.opened if run.play == "sound"] == [1, 2, 3]


@pytest.mark.parametrize("part", ["verdict", "next_change", "evidence"])
def test_the_state_stays_as_it_was_and_nothing_half_done_is_left(part):
    gap = {"play": "broken", "when": {"not": {"silence": {"of": "user.login", "for": "3d", "since": "start"}}}}
    effects, account = lived(lambda engine: broken(engine, "broken", [0], part), event("user.login", 0), plays=[gap], until=0)
    state = account.subjects[ITSELF].plays["broken"]
    assert (effects.opened, effects.resolved) == ([], [])
    assert [one.reason for one in effects.decisions] == ["error"]
    assert (state.known, state.since, state.last_opened, state.open_runs) == (False, None, None, ())
    assert state.first_at == at(0)


def test_what_failed_at_a_deadline_is_looked_at_again_at_the_next_event():
    login = event("user.login", 0)
    effects, _ = lived(lambda engine: broken(engine, "silent", [3]), login, until=9)
    assert [(day_of(one.at), one.reason) for one in effects.decisions] == [(3, "error")]
    assert effects.opened == []
    effects, _ = lived(lambda engine: broken(engine, "silent", [3]), login, event("user.login", 5), until=9)
    assert [day_of(run.opened_at) for run in effects.opened] == [8]


def test_one_decision_a_day_for_the_same_fault():
    day = [1 + n / 10 for n in range(5)]
    effects, _ = lived(lambda engine: broken(engine, "broken", [*day, 2]), *map(nps, [*day, 2]), until=4)
    assert len(effects.decisions) == 6
    assert len({one.decision_id for one in effects.decisions}) == 2


def test_a_play_goes_on_once_the_mistake_is_mended():
    effects, account = lived(lambda engine: broken(engine, "sound", [1]), nps(1), nps(2), plays=[SOUND], until=3)
    assert [day_of(run.opened_at) for run in effects.opened] == [2]
    assert account.subjects[ITSELF].plays["sound"].last_opened == at(2)
