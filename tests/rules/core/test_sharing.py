"""Plays share a metric where it remembers the same for both, and only there."""

import pytest

from services.rules.core.engine import Engine
from shared.records import JsonObject
from tests.rules.timeline import applied, event, replay

NOON = "2026-01-08T12:00:00Z"  # day 7.5; there it is the 9th
FORMS: list[JsonObject] = [
    {"count": {"over": "30d", "at_least": 1}},
    {"count": {"over": "7d", "at_least": 2000}},
    {"count": {"since": "account.since", "measure": "users", "at_least": 1}},
    {"silence": {"for": "1d"}},
    {"not_reached": {"since": {}, "within": "1d", "milestone": {"count": {"of": "user.login", "at_least": 1}}}},
    {"drop": {"over": "1d", "baseline": "2d", "by": "40%"}},
    {"open": {"by": "properties.id", "closes": {"of": "user.login"}, "at_least": 1}},
]


def plays(form: JsonObject, where: JsonObject) -> list[JsonObject]:
    """The same play in the two time zones."""
    ((kind, condition),) = form.items()
    filter = {"of": "invoice.created", "where": {"properties.due": where}}
    if kind == "open":
        condition = {**condition, "opens": filter}
    elif kind == "not_reached":
        condition = {**condition, "since": {"event": filter}}
    else:
        condition = {**condition, **filter}
    when = {kind: condition}
    return [{"play": "near", "when": when}, {"play": "far", "timezone": "Pacific/Kiritimati", "when": when}]


@pytest.mark.parametrize(
    ("where", "due"),
    [
        ({"above": "2026-01-09"}, NOON),
        ({"between": ["2026-01-09", "2026-02-01"]}, NOON),
        ({"not": {"below": "2026-01-09"}}, NOON),
        ({"below": "2026-01-08T11:00:00Z"}, "2026-01-09"),
        ({"within": "36h"}, "2026-01-09"),
        ({"older_than": "1h"}, "2026-01-09"),
    ],
)
@pytest.mark.parametrize("first", ["near", "far"])
def test_a_filter_that_reads_a_date_is_another_in_another_time_zone(where: JsonObject, due: str, first: str) -> None:
    both = sorted(plays(FORMS[0], where), key=lambda play: play["play"] != first)
    opened = replay(applied(*both), [event("invoice.created", 7.5, due=due)], until=8).opened
    assert [run.play for run in opened] == ["far"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: next(iter(form)))
def test_whatever_the_condition(form: JsonObject) -> None:
    near, far = Engine(applied(*plays(form, {"above": "2026-01-09"}))).plays
    assert near.metric_keys != far.metric_keys


def test_a_filter_without_a_date_is_shared() -> None:
    near, far = Engine(applied(*plays(FORMS[0], {"above": 9}))).plays
    assert near.metric_keys == far.metric_keys
