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


def lived(plant: Callable[[Engine], object], *events, plays=(BROKEN, SOUND, SILENT), until: float) -> tuple[Effects, Account]:
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


def unhearing(engine: Engine, play: str, days: Iterable[float]) -> None:
    """Plant the mistake into what a play's first metric does with an event of those days."""
    metric = next(one for one in engine.plays if one.name == play).metrics[0]
    observe = type(metric).observe

    class Unhearing(type(metric)):  # type: ignore[misc]  # of whichever kind
        __slots__ = ()

        def observe(self, memory, event):
            if any(event.received_at == at(day) for day in days):
                raise ZeroDivisionError(f"of {event.account_id}")
            return observe(self, memory, event)

    metric.__class__ = Unhearing


LOGINS: dict[str, Any] = {"play": "logins", "when": {"count": {"of": "user.login", "over": "30d", "at_least": 2}}}
DROP = {"play": "drop", "when": {"drop": {"of": "user.login", "over": "1d", "baseline": "2d", "by": "50%"}}}
ONCE = {"play": "once", "when": {"event": "user.login"}}


def test_a_fault_in_hearing_is_a_decision_and_the_other_plays_go_on():
    logins = [event("user.login", day) for day in (1, 2, 3)]
    effects, account = lived(lambda engine: unhearing(engine, "logins", [2]), *logins, plays=[ONCE, LOGINS, SILENT], until=6)
    assert [(one.play, day_of(one.at), one.reason) for one in effects.decisions] == [("logins", 2, "error")]
    assert [(run.play, day_of(run.opened_at)) for run in effects.opened] == [
        *[("once", 1), ("once", 2), ("once", 3)],
        *[("logins", 3), ("silent", 6)],
    ]
    (key,) = Engine(applied(LOGINS)).plays[0].metric_keys
    assert account.subjects[ITSELF].metrics[key] == [at(1), at(3)]


@pytest.mark.parametrize("failing", ["logins", "drop", "silent"])
def test_what_was_heard_before_the_fault_is_heard_once(failing):
    """Where most events take the short way, several metrics behind one name."""
    day = [0, 0.5, 1.5, 1.6, 1.601, 1.602, 1.7]
    plays = [DROP, SILENT, {**LOGINS, "when": {"count": {**LOGINS["when"]["count"], "at_least": 99}}}]
    if failing != "logins":
        plays.pop()

    def remembered(*days: float, planted: Callable[[Engine], object] = repr) -> tuple[Effects, dict[str, Any]]:
        effects, account = lived(planted, *(event("user.login", one) for one in days), plays=plays, until=2)
        return effects, account.subjects[ITSELF].metrics

    effects, metrics = remembered(*day, planted=lambda engine: unhearing(engine, failing, [1.602]))
    faulty = next(play for play in Engine(applied(*plays)).plays if play.name == failing).metric_keys
    without, whole = remembered(*(one for one in day if one != 1.602))[1], remembered(*day)[1]
    assert [(one.play, one.reason) for one in effects.decisions] == [(failing, "error")]
    assert metrics == {key: (without if key in faulty else whole)[key] for key in metrics}


def test_a_first_event_that_is_not_heard_leaves_the_first_verdict_to_the_next():
    gap = {"play": "broken", "when": {"not": {"silence": {"of": "user.login", "for": "3d", "since": "start"}}}}
    logins = [event("user.login", 0), event("user.login", 1)]
    effects, _ = lived(lambda engine: unhearing(engine, "broken", [0]), *logins, plays=[gap], until=2)
    assert [(day_of(one.at), one.reason) for one in effects.decisions] == [(0, "error")]
    assert [day_of(run.opened_at) for run in effects.opened] == [1]


def test_a_fault_while_memory_is_filled_from_history():
    engine, effects, account = Engine(applied(LOGINS, SILENT)), Effects(), Account("acme", START, {})
    unhearing(engine, "logins", [2])
    engine.warm(account, [event("user.login", day) for day in (1, 2, 3)], at(4), effects)
    assert [(one.play, day_of(one.at), one.reason) for one in effects.decisions if one.reason == "error"] == [
        ("logins", 4, "error")
    ]
    engine.pass_time(account, at(6) + 1, effects)
    assert [(run.play, day_of(run.opened_at)) for run in effects.opened] == [("silent", 6)]
