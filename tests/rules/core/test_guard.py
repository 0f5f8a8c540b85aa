"""What a play's guard says, and how it goes out with each run. It changes no run."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.rules.core.engine import Engine
from services.rules.core.play import Play
from shared.instants import DAY, HOUR
from shared.records import Applied, AppliedPlay, Guard

SILENCE = {"silence": {"of": ["user.login", "report.*"], "for": "14d"}}


def engine(**play: Any) -> Engine:
    return Engine(Applied(plays=[AppliedPlay(play="p", version=1, document={"play": "p", "when": SILENCE, **play})]))


def test_a_guard_goes_out_with_the_names_that_its_play_hears() -> None:
    made = engine(guard={"max_runs": "50 per hour", "fresh": "6h"})
    assert made.plays[0].guard == Guard(max_runs=50, per=HOUR, fresh=6 * HOUR, names=("report.*", "user.login"))
    assert made.watched == {"report.*", "user.login"}


def test_only_fresh_asks_when_events_last_came() -> None:
    made = engine(guard={"max_runs": "50 per day"})
    assert (made.plays[0].guard, made.watched) == (Guard(max_runs=50, per=DAY), frozenset())
    assert engine().plays[0].guard is None


def test_a_change_of_the_guard_begins_nothing_anew() -> None:
    assert engine(guard={"fresh": "6h"}).plays[0].identity == engine().plays[0].identity


@pytest.mark.parametrize("wrong", ["50", 50, "50 per year", "many per day", "-1 per day"])
def test_max_runs_is_a_number_in_a_span(wrong: object) -> None:
    with pytest.raises(ValidationError, match="such as 50 per day"):
        Play.model_validate({"play": "p", "when": SILENCE, "guard": {"max_runs": wrong}})
