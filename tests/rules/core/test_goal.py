"""Goals: every run is watched from its opening until it reaches its goal or the time is over."""

import pytest

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.play import Play, identity_of
from services.rules.core.state import ITSELF, Account, decode_document, encode_document
from shared.instants import DAY, parse_instant
from shared.records import Event, JsonObject
from tests.rules.timeline import START, applied, at, event, fired_on, goals, lived, replay

# A run at each complaint; the goal is three exports, from whenever, in the last week.
COMPLAINT: JsonObject = {
    "when": {"event": "complaint.made"},
    "goal": {"when": {"count": {"of": "report.exported", "over": "7d", "at_least": 3}}, "within": "21d"},
}
# A run at each complaint; the goal is two days without a login.
BACK: JsonObject = {
    "when": {"event": "complaint.made"},
    "goal": {"when": {"silence": {"of": "user.login", "for": "2d"}}, "within": "10d"},
}
MICROSECOND = 1 / DAY


def complaint(day: float, **more: object) -> Event:
    return event("complaint.made", day, **more)  # type: ignore[arg-type]


def export(day: float, **more: object) -> Event:
    return event("report.exported", day, **more)  # type: ignore[arg-type]


def login(day: float) -> Event:
    return event("user.login", day)


def test_a_goal_is_reached_at_the_first_instant_at_which_it_is_true() -> None:
    assert goals(COMPLAINT, complaint(0), export(3), export(4), export(5), export(6), until=30) == [(5, "reached")]


def test_what_was_before_the_opening_counts_as_its_condition_counts_it() -> None:
    assert goals(COMPLAINT, export(3), export(4), complaint(5), export(6), until=30) == [(6, "reached")]


def test_a_goal_that_is_true_at_the_opening_is_reached_there() -> None:
    assert goals(COMPLAINT, export(3), export(4), export(4.5), complaint(5), until=30) == [(5, "reached")]


def test_a_goal_is_missed_when_the_time_is_over() -> None:
    assert goals(COMPLAINT, complaint(1), export(3), export(4), until=22) == [(22, "missed")]
    assert goals(COMPLAINT, complaint(1), export(3), export(4), until=21.9) == []


def test_the_last_instant_still_counts_and_the_next_one_does_not() -> None:
    assert goals(COMPLAINT, complaint(1), export(20), export(21), export(22), until=30) == [(22, "reached")]
    late = 22 + MICROSECOND
    assert goals(COMPLAINT, complaint(1), export(20), export(21), export(late), until=30) == [(22, "missed")]


def test_time_alone_may_reach_a_goal() -> None:
    assert goals(BACK, login(0), complaint(1), login(2), login(3.5), until=30) == [(5.5, "reached")]


def test_what_time_does_at_the_last_instant_is_in_time() -> None:
    every_day = [login(day) for day in range(10)]
    assert goals(BACK, *every_day, complaint(1), until=30) == [(11, "reached")]
    assert goals(BACK, *every_day, login(9.1), complaint(1), until=30) == [(11, "missed")]


def test_unknown_is_not_reached() -> None:
    play = {"when": {"event": "complaint.made"}, "goal": {"when": {"trait": {"account.plan": "pro"}}, "within": "5d"}}
    assert goals(play, complaint(1), until=30) == [(6, "missed")]
    upgraded = event("traits.set", 3, traits={"plan": "pro"})
    assert goals(play, complaint(1), upgraded, until=30) == [(3, "reached")]
    assert goals(play, complaint(1), event("traits.set", 6, traits={"plan": "pro"}), until=30) == [(6, "reached")]
    assert goals(play, complaint(1), event("traits.set", 6.1, traits={"plan": "pro"}), until=30) == [(6, "missed")]


def test_a_run_that_resolved_is_watched_on() -> None:
    play = {
        "when": {"silence": {"of": "user.login", "for": "5d"}},
        "goal": {"when": {"count": {"of": "user.login", "over": "3d", "at_least": 3}}, "within": "10d"},
    }
    history = [login(0), login(6), login(7), login(8)]
    assert lived(play, *history, until=12) == [(5, 6, "cleared")]
    assert goals(play, *history, until=12) == [(8, "reached")]


def test_each_run_has_a_time_of_its_own() -> None:
    missed_and_reached = [complaint(0), complaint(10), export(21.5), export(22), export(23)]
    assert goals(COMPLAINT, *missed_and_reached, until=60) == [(21, "missed"), (23, "reached")]
    assert goals(COMPLAINT, complaint(0), complaint(1), export(2), export(2), export(3), until=60) == [(3, "reached")] * 2


@pytest.mark.parametrize("more", [{"holdout": "100%"}, {"mode": "shadow"}])
def test_every_arm_is_watched(more: JsonObject) -> None:
    assert goals({**COMPLAINT, **more}, complaint(0), export(1), export(2), export(3), until=30) == [(3, "reached")]


def test_what_opens_no_run_is_not_watched() -> None:
    assert goals(COMPLAINT, complaint(0, heard=8), export(8), export(8.5), export(9), until=60) == []
    assert goals({**COMPLAINT, "again": "never"}, complaint(0), complaint(30), until=60) == [(21, "missed")]


def test_a_goal_changes_nothing_for_the_runs() -> None:
    play = {"when": {"silence": {"of": "user.login", "for": "5d"}}, "audience": {"account.plan": "pro"}}
    goal = {"when": {"count": {"of": "any", "over": "3d", "at_least": 2}}, "within": "2d"}
    history = [event("traits.set", 0, traits={"plan": "pro"}), login(0), login(6), export(7), login(40), export(46), login(51)]
    plain, watched = (lived({**play, **more}, *history, until=90) for more in ({}, {"goal": goal}))
    assert plain == watched
    assert [opened for opened, *_ in plain] == [5, 35, 65]


def test_a_goal_of_its_users() -> None:
    play = {**COMPLAINT, "per": "user", "goal": {"when": {"trait": {"user.role": "admin"}}, "within": "5d"}}
    heard = [complaint(0, user="ana"), complaint(1, user="bo"), event("traits.set", 2, user="bo", user_traits={"role": "admin"})]
    assert sorted(goals(play, *heard, until=30)) == [(2, "reached"), (5, "missed")]


def test_a_goal_by_value_sees_the_values_events_only() -> None:
    play = {
        "when": {"event": "ticket.created"},
        "per": {"by": "properties.ticket_id"},
        "goal": {"when": {"count": {"of": "ticket.solved", "over": "5d", "at_least": 1}}, "within": "5d"},
    }
    heard = [event("ticket.created", 0, ticket_id="1"), event("ticket.created", 1, ticket_id="2")]
    assert sorted(goals(play, *heard, event("ticket.solved", 2, ticket_id="2"), until=30)) == [(2, "reached"), (5, "missed")]


# ------------------------------------------------------------------ goals that decide at boundaries

# The exports are up again by half against the four weeks before.
RISE: JsonObject = {
    "when": {"event": "complaint.made"},
    "goal": {"when": {"rise": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "50%"}}, "within": "60d"},
}


def test_a_goal_may_decide_at_boundaries() -> None:
    weekly = [export(day) for day in range(0, 49, 7)]
    assert goals(RISE, *weekly, complaint(36), export(43), until=70) == [(44, "reached")]


def test_what_was_decided_stands_until_the_next_boundary() -> None:
    # Heard on day 44, but of day 43: the boundary between them was decided without it.
    weekly = [export(day) for day in range(0, 49, 7)]
    assert goals(RISE, *weekly, complaint(36), export(42.5, heard=44.5), until=70) == [(45, "reached")]


# ------------------------------------------------------------------ changes of the play


def lived_through(before: JsonObject, after: JsonObject, *events: Event, change: float, until: float) -> Effects:
    """Events before and after a change of the play on day `change`, the account written and read back there."""
    effects, account = Effects(), Account("acme", START, {})
    earlier = [one for one in events if one.received_at < at(change)]
    first = Engine(applied(before))
    for one in earlier:
        first.take(account, one, effects)
    first.pass_time(account, at(change), effects)
    account.subjects[ITSELF] = decode_document(encode_document(account.subjects[ITSELF]))
    second = Engine(applied(after))
    second.warm(account, earlier, at(change), effects)
    for one in events[len(earlier) :]:
        second.take(account, one, effects)
    second.pass_time(account, at(until) + 1, effects)
    return effects


def outcomes(effects: Effects) -> list[tuple[float, str]]:
    return [((one.at - START) / DAY, one.outcome) for one in effects.goals]


def test_a_change_of_the_goal_alone_keeps_runs() -> None:
    assert identity_of({"when": 1, "goal": 2}) == identity_of({"when": 1})


def test_a_watched_run_goes_on_with_the_goal_that_its_play_has_now() -> None:
    once = {**COMPLAINT, "goal": {"when": {"count": {"of": "user.login", "over": "7d", "at_least": 1}}, "within": "21d"}}
    assert outcomes(lived_through(COMPLAINT, once, complaint(0), login(2), change=5, until=40)) == [(5, "reached")]
    assert outcomes(lived_through(COMPLAINT, once, complaint(0), login(7), change=5, until=40)) == [(7, "reached")]
    short = {**COMPLAINT, "goal": {**once["goal"], "within": "3d"}}
    assert outcomes(lived_through(COMPLAINT, short, complaint(0), login(7), change=5, until=40)) == [(5, "missed")]


def test_the_same_goal_is_watched_on_after_an_apply() -> None:
    renamed = {**COMPLAINT, "title": "Another title"}
    heard = [complaint(0), export(1), export(2), export(6)]
    assert outcomes(lived_through(COMPLAINT, renamed, *heard, change=5, until=40)) == [(6, "reached")]


def test_an_edit_of_the_condition_ends_the_watching() -> None:
    edited = {**COMPLAINT, "when": {"event": "complaint.filed"}}
    assert outcomes(lived_through(COMPLAINT, edited, complaint(0), export(6), export(7), export(8), change=5, until=40)) == []


def test_a_goal_that_is_taken_away_ends_the_watching() -> None:
    without = {"when": COMPLAINT["when"]}
    assert outcomes(lived_through(COMPLAINT, without, complaint(0), change=5, until=40)) == []


def test_a_watched_user_is_not_forgotten() -> None:
    play = {**COMPLAINT, "per": "user", "goal": {**COMPLAINT["goal"], "within": "500d"}}
    assert goals(play, complaint(0, user="ana"), until=600) == [(500, "missed")]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "goal",
    [
        {"when": {"event": "report.exported"}, "within": "21d"},
        {"when": {"count": {"of": "any", "over": "7d", "at_least": 1}}},
        {"when": {"count": {"of": "any", "over": "7d", "at_least": 1}}, "within": "0d"},
        {"within": "21d"},
    ],
)
def test_what_is_no_goal_is_refused(goal: JsonObject) -> None:
    with pytest.raises(ValueError, match="goal"):
        Play.model_validate({"play": "play", "when": {"event": "complaint.made"}, "goal": goal})


def test_a_run_and_its_goal_of_one_instant_are_told_in_that_order() -> None:
    effects = replay(applied(COMPLAINT), [export(3), export(4), export(4.5), complaint(5)], 30)
    assert [one.run_id for one in effects.goals] == [run.run_id for run in effects.opened]
    assert effects.goals[0].at == effects.opened[0].opened_at == parse_instant("2026-01-06T00:00:00Z")
    assert fired_on(COMPLAINT, complaint(5), until=30) == [5]
