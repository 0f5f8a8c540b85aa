"""What each word says: true, false, or None for unknown, on both sides of each boundary."""

from typing import Any

import pytest

from shared.instants import DAY, HOUR, parse_instant
from shared.matchers import compile_matchers

NOW = parse_instant("2026-03-31T12:00:00Z")
MISSING: Any = object()


def verdict(matcher: object, found: object, *, timezone: str = "UTC", t: int = NOW, **traits: object) -> bool | None:
    account = dict(traits) if found is MISSING else {**traits, "x": found}
    return compile_matchers({"account.x": matcher}, timezone).verdict({"account": account}, t)


@pytest.mark.parametrize(
    ("matcher", "found", "expected"),
    [
        ("pro", "pro", True),
        ("pro", "Pro", False),
        ("pro", MISSING, None),
        ("pro", None, None),
        ("pro", 5, None),
        (5, 5, True),
        (5, 5.0, True),
        (5, "5", None),
        (1, True, None),
        (True, True, True),
        (True, 1, None),
        (False, True, False),
        (["pro", "team"], "team", True),
        (["pro", "team"], "free", False),
        (["pro", "team"], 5, None),
        (["pro", 5], 5, True),
        (["pro", 5], 6, False),
        (["pro", 5], True, None),
        (["pro"], ["pro"], None),
        ({"equals": "pro"}, "pro", True),
        ({"one_of": ["pro"]}, "free", False),
        ({"none_of": ["churned"]}, "live", True),
        ({"none_of": ["churned"]}, "churned", False),
        ({"none_of": ["churned"]}, MISSING, None),
        ({"none_of": ["churned"]}, 5, None),
        ({"not": "free"}, "pro", True),
        ({"not": ["free", "pro"]}, "pro", False),
        ({"not": {"contains": "x"}}, "abc", True),
        ({"not": "free"}, MISSING, None),
    ],
)
def test_equality_keeps_to_types(matcher: object, found: object, expected: bool | None) -> None:
    assert verdict(matcher, found) is expected


@pytest.mark.parametrize(
    ("matcher", "found", "expected"),
    [
        ({"above": 5}, 5, False),
        ({"above": 5}, 5.0000000001, True),
        ({"below": 5}, 5, False),
        ({"below": 5}, 4.9999999999, True),
        ({"at_least": 0.25}, 0.25 - 2e-10, True),
        ({"at_least": 0.25}, 0.25 - 3e-10, False),
        ({"at_least": -10}, -10 - 9e-9, True),
        ({"at_least": -10}, -10 - 2e-8, False),
        ({"at_most": 0.25}, 0.25 + 2e-10, True),
        ({"at_most": 0.25}, 0.25 + 3e-10, False),
        ({"at_least": 0}, 0, True),
        ({"at_least": 0}, -1e-12, False),
        ({"at_least": 5}, "5", None),
        ({"at_least": 5}, True, None),
        ({"at_least": 5}, MISSING, None),
        ({"between": [1, 3]}, 1, True),
        ({"between": [1, 3]}, 3, True),
        ({"between": [1, 3]}, 3.1, False),
        ({"between": [1, 3]}, 0.9, False),
        ({"between": [1, 3]}, "2", None),
        ({"at_least": "40%"}, 0.4, True),
        ({"at_least": "40%"}, 0.39, False),
        ({"at_least": 1, "at_most": 3}, 2, True),
        ({"at_least": 1, "at_most": 3}, 4, False),
    ],
)
def test_bounds_are_tolerant_only_where_they_include(matcher: object, found: object, expected: bool | None) -> None:
    assert verdict(matcher, found) is expected


@pytest.mark.parametrize(
    ("matcher", "used", "expected"),
    [
        ({"at_least": "90% of account.seats"}, 9, True),
        ({"at_least": "90% of account.seats"}, 8.99, False),
        ({"above": "90% of account.seats"}, 9, False),
        ({"above": "90% of account.seats"}, 9.01, True),
        ({"below": "12.5% of account.seats"}, 1.25, False),
        ({"between": ["50% of account.seats", "100% of account.seats"]}, 10, True),
        ({"between": ["50% of account.seats", "100% of account.seats"]}, 4, False),
        ({"between": [20, "100% of account.nothing"]}, 10, False),
        ({"at_least": "90% of account.nothing"}, 9, None),
        ({"at_least": "90% of account.name"}, 9, None),
        ({"at_least": "90% of account.nothing", "missing": True}, 9, True),
    ],
)
def test_a_bound_may_be_a_share_of_another_field(matcher: object, used: float, expected: bool | None) -> None:
    assert verdict(matcher, used, seats=10, name="Acme") is expected


@pytest.mark.parametrize(
    ("matcher", "found", "expected"),
    [
        ({"contains": "VIP"}, "a vip customer", True),
        ({"contains": ["refund", "cancel"]}, "Please CANCEL it", True),
        ({"contains": ["refund", "cancel"]}, "all good", False),
        ({"contains": "straße"}, "Hauptstrasse", True),
        ({"contains": "vip"}, ["VIP", 7], True),
        ({"contains": "vi"}, ["vip"], False),
        ({"contains": 7}, [7], True),
        ({"contains": 7}, "room 7", True),
        ({"contains": "vip"}, 5, None),
        ({"contains": "vip"}, MISSING, None),
        ({"starts_with": "ent"}, "enterprise", True),
        ({"starts_with": "Ent"}, "enterprise", False),
        ({"ends_with": "@acme.example"}, "ana@acme.example", True),
        ({"ends_with": "@acme.example"}, "ana@acme.example.org", False),
        ({"ends_with": "5"}, 5, None),
        ({"matches": "^T-[0-9]+$"}, "T-123", True),
        ({"matches": "^T-[0-9]+$"}, "XT-123", False),
        ({"matches": "[0-9]"}, "abc1", True),
        ({"matches": "x"}, 5, None),
    ],
)
def test_texts(matcher: object, found: object, expected: bool | None) -> None:
    assert verdict(matcher, found) is expected


@pytest.mark.parametrize(
    ("matcher", "found", "expected"),
    [
        ({"exists": True}, 0, True),
        ({"exists": True}, "", True),
        ({"exists": True}, None, False),
        ({"exists": True}, MISSING, False),
        ({"exists": False}, MISSING, True),
        ({"exists": False}, 0, False),
    ],
)
def test_exists_is_never_unknown(matcher: object, found: object, expected: bool) -> None:
    assert verdict(matcher, found) is expected


@pytest.mark.parametrize(
    ("matcher", "found", "expected"),
    [
        ({"none_of": ["churned"], "missing": True}, MISSING, True),
        ({"none_of": ["churned"], "missing": True}, "churned", False),
        ({"none_of": ["churned"], "missing": False}, MISSING, False),
        ({"at_least": 5, "missing": True}, "five", True),
        ({"at_least": 5, "missing": False}, "five", False),
        ({"at_least": 5, "at_most": 9, "missing": True}, MISSING, True),
        ({"not": "free", "missing": True}, MISSING, True),
        ({"not": "free", "missing": False}, MISSING, False),
        ({"any": ["free", {"starts_with": "pro"}], "missing": True}, MISSING, True),
    ],
)
def test_missing_decides_in_place_of_unknown(matcher: object, found: object, expected: bool) -> None:
    assert verdict(matcher, found) is expected


def test_age_is_strict_and_within_is_its_counterpart() -> None:
    #   x ──────── 30 days ────────┤t
    x = NOW - 30 * DAY
    assert [verdict({"older_than": "30d"}, x, t=NOW + late) for late in (-1, 0, 1)] == [False, False, True]
    assert [verdict({"within": "30d"}, x, t=NOW + late) for late in (-1, 0, 1)] == [True, True, False]
    assert [verdict({"within": "30d"}, NOW, t=NOW + late) for late in (-1, 0, 1)] == [False, True, True]
    assert verdict({"older_than": "30d"}, NOW + DAY) is False


def test_instants_are_iso_8601_or_microseconds() -> None:
    assert verdict({"older_than": "1h"}, "2026-03-31T10:59:59Z") is True
    assert verdict({"older_than": "1h"}, "2026-03-31T11:00:00Z") is False
    assert verdict({"older_than": "1h"}, "2026-03-31T12:59:59+02:00") is True
    assert verdict({"older_than": "1h"}, "2026-03-31T10:59:59") is True
    assert verdict({"older_than": "1h"}, NOW - DAY) is True
    for not_an_instant in ("yesterday", "2026-02-30", 12.5, True, None, ["2026-01-01"], 10**30):
        assert verdict({"older_than": "1h"}, not_an_instant) is None


def test_a_date_without_a_time_begins_in_the_plays_time_zone() -> None:
    # In Tokyo 2026-03-31 begins when it is 15:00 of the day before in UTC.
    later = parse_instant("2026-03-30T15:00:00Z") + 6 * HOUR
    assert verdict({"older_than": "6h"}, "2026-03-31", t=later, timezone="Asia/Tokyo") is False
    assert verdict({"older_than": "6h"}, "2026-03-31", t=later + 1, timezone="Asia/Tokyo") is True
    assert verdict({"within": "6h"}, "2026-03-31", t=later, timezone="Asia/Tokyo") is True
    assert verdict({"within": "6h"}, "2026-03-31", t=later) is False


def test_dates_compare_exactly() -> None:
    assert verdict({"above": "2026-03-01"}, "2026-03-01") is False
    assert verdict({"above": "2026-03-01"}, "2026-03-01T00:00:00.000001Z") is True
    assert verdict({"at_least": "2026-03-01"}, "2026-02-28T23:59:59.999999Z") is False
    assert verdict({"at_least": "2026-03-01"}, "2026-03-01") is True
    assert verdict({"between": ["2026-01-01", "2026-02-01"]}, "2026-01-15") is True
    assert verdict({"at_least": "2026-03-01"}, "soon") is None


def test_numbers_too_large_for_a_share_are_unknown() -> None:
    assert verdict({"at_least": "90% of account.seats"}, 9, seats=10**400) is None
    assert verdict({"at_least": 5}, 10**400) is True


def test_only_the_beginning_of_a_long_text_is_searched() -> None:
    assert verdict({"matches": "x"}, "a" * 499 + "x") is True
    assert verdict({"matches": "x"}, "a" * 500 + "x") is False


def test_nested_paths_and_absent_roots() -> None:
    deep = compile_matchers({"properties.ticket.level": "high"})
    assert deep.verdict({"properties": {"ticket": {"level": "high"}}}, NOW) is True
    assert deep.verdict({"properties": {"ticket": "high"}}, NOW) is None
    assert deep.verdict({"properties": {}}, NOW) is None
    assert compile_matchers({"user.role": "admin"}).verdict({"account": {}}, NOW) is None
    assert compile_matchers({"user.role": "admin"}).verdict({"user": None}, NOW) is None
