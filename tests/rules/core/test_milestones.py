"""Milestones of any measure, with and without a window; and counts since a date of any measure."""

import pytest

from shared.records import Event, JsonObject
from tests.rules.timeline import event, fired_on, lived


def milestone(count: JsonObject, within: str = "10d", since: object = "account.onboarded_at") -> JsonObject:
    return {"when": {"not_reached": {"since": since, "within": within, "milestone": {"count": count}}}}


def since_start(count: JsonObject) -> JsonObject:
    return {"when": {"count": {"of": "report.exported", "since": "account.contract_start", **count}}, "again": "every time"}


ONBOARDED = event("traits.set", 0, traits={"onboarded_at": "2026-01-01"})
STARTED = event("traits.set", 0, traits={"contract_start": "2026-01-05"})


def export(day: float, pages: object = None, **more: object) -> Event:
    return event("report.exported", day, pages=pages, **more)  # type: ignore[arg-type]


def missed(count: JsonObject, *events: Event, until: float = 30) -> list[tuple[float, float | None, str | None]]:
    return lived(milestone({"of": "report.exported", **count}), ONBOARDED, *events, until=until)


SUM = {"measure": {"sum": "properties.pages"}}


def test_a_sum_that_comes_together() -> None:
    assert missed({**SUM, "at_least": 100}, export(1, 60), export(5, 40)) == []
    assert missed({**SUM, "at_least": 100}, export(1, 60), export(5, 39)) == [(10, None, None)]
    assert missed({**SUM, "at_least": 100}, export(1, 60), export(12, 40)) == [(10, 12, "cleared")]


def test_what_occurred_before_the_anchor_does_not_count_and_what_was_heard_before_it_was_does() -> None:
    late = event("traits.set", 3, traits={"onboarded_at": "2026-01-03"})
    play = milestone({"of": "report.exported", **SUM, "at_least": 100}, within="5d")
    assert fired_on(play, export(1, 100), late, until=30) == [7]
    assert fired_on(play, export(2, 100), late, until=30) == []


@pytest.mark.parametrize(
    ("measure", "met", "not_met"),
    [
        ({"max": "properties.pages"}, [1, 20], [1, 19]),
        ({"min": "properties.pages"}, [20, 1], [19, 40]),
        ({"avg": "properties.pages"}, [10, 30, 1], [10, 29, 1]),
        ({"last": "properties.pages"}, [5, 20, 1], [5, 19, 1]),
        ({"sum": "properties.pages"}, [25, -10], [15, 4]),
    ],
)
def test_what_goes_down_again_was_met_all_the_same(measure: JsonObject, met: list[int], not_met: list[int]) -> None:
    asked = {"measure": measure, "at_least": 20}
    assert missed(asked, *(export(day + 1, pages) for day, pages in enumerate(met))) == []
    assert missed(asked, *(export(day + 1, pages) for day, pages in enumerate(not_met))) == [(10, None, None)]


def test_a_sum_within_a_window_of_days() -> None:
    asked = {**SUM, "over": "3d", "at_least": 100}
    assert missed(asked, export(1.9, 50), export(3.9, 50)) == []
    assert missed(asked, export(1.9, 50), export(4.1, 50)) == [(10, None, None)]


def test_days_with_use_in_one_week() -> None:
    asked = {"measure": "days", "over": "7d", "at_least": 5}
    assert missed(asked, *(export(day) for day in (0.5, 2, 3, 4, 6.9))) == []
    assert missed(asked, *(export(day) for day in (0.5, 2, 3, 4, 7))) == [(10, None, None)]


def test_users_within_hours() -> None:
    asked = {"measure": "users", "over": "2h", "at_least": 2}
    hour = 1 / 24
    assert missed(asked, export(1, user="ana"), export(1 + 1.9 * hour, user="bo")) == []
    assert missed(asked, export(1, user="ana"), export(1 + 2.1 * hour, user="bo")) == [(10, None, None)]
    assert missed(asked, export(1, user="ana"), export(1 + hour, user="ana")) == [(10, None, None)]


def test_a_window_counts_whenever_its_events_were_heard() -> None:
    asked = {"over": "1d", "at_least": 2}
    assert missed(asked, export(1), export(1.5, heard=12)) == [(10, 12, "cleared")]
    assert missed(asked, export(1), export(2.1, heard=12)) == [(10, None, None)]


def test_a_low_value_that_leaves_the_window_lets_an_average_reach_its_bound() -> None:
    # Day 9 is in the windows up to day 11; from day 12 on the average is that of day 11 alone.
    asked = {"measure": {"avg": "properties.pages"}, "over": "3d", "at_least": 20}
    assert missed(asked, export(9, 1), export(11, 20)) == [(10, 12, "cleared")]


def test_a_milestone_that_was_met_stays_met_whatever_comes_after() -> None:
    many = [export(20 + n / 2000, 1) for n in range(1_100)]
    asked = {"measure": {"max": "properties.pages"}, "over": "7d", "at_least": 20}
    assert missed(asked, export(1, 20), *many) == []
    assert missed(asked, export(1, 19), *many, until=21) == [(10, None, None)]


def test_a_bound_may_be_a_share_of_a_trait() -> None:
    seats = event("traits.set", 0, traits={"seats": 10})
    asked = {"measure": "users", "at_least": "20% of account.seats"}
    assert missed(asked, seats, export(1, user="ana"), export(2, user="bo")) == []
    assert missed(asked, seats, export(1, user="ana")) == [(10, None, None)]
    # Without the trait nobody can say that it was met.
    assert missed(asked, export(1, user="ana"), export(2, user="bo")) == [(10, None, None)]


def test_another_anchor_begins_anew() -> None:
    restarted = event("traits.set", 12, traits={"onboarded_at": "2026-01-10"})
    assert missed({**SUM, "at_least": 10}, export(1, 10), restarted) == [(19, None, None)]


# ------------------------------------------------------------------ since a date


@pytest.mark.parametrize(
    ("measure", "pages", "reached_on"),
    [
        ({"sum": "properties.pages"}, [4, 3, 3], [6]),
        ({"max": "properties.pages"}, [9, 10, 1], [5]),
        ({"min": "properties.pages"}, [10, 11, 12], [4]),
        ({"avg": "properties.pages"}, [8, 12, 1], [5]),
        ({"last": "properties.pages"}, [8, 9, 10], [6]),
    ],
)
def test_any_measure_since_a_date(measure: JsonObject, pages: list[int], reached_on: list[float]) -> None:
    heard = [export(day, value) for day, value in zip((4, 5, 6), pages, strict=True)]
    # What occurred before the date, 1,000 pages on day 3, is not among it.
    assert fired_on(since_start({"measure": measure, "at_least": 10}), STARTED, export(3, 1_000), *heard, until=30) == reached_on


def test_at_most_since_a_date_is_unknown_before_it() -> None:
    play = since_start({**SUM, "at_most": 10})
    assert lived(play, STARTED, export(5, 10), export(6, 1), until=30) == [(4, 6, "cleared")]


def test_of_a_long_history_whole_days_are_kept() -> None:
    many = [export(4 + n / 500, 1) for n in range(1_100)]
    assert fired_on(since_start({**SUM, "at_least": 1_100}), STARTED, export(3, 50), *many, until=30) == [4 + 1_099 / 500]
    assert fired_on(since_start({"at_least": 1_100}), STARTED, export(3), *many, until=30) == [4 + 1_099 / 500]


def test_nothing_since_the_date_is_unknown_for_a_least_and_zero_for_a_sum() -> None:
    assert fired_on(since_start({"measure": {"min": "properties.pages"}, "at_most": 5}), STARTED, until=30) == []
    assert fired_on(since_start({**SUM, "at_most": 5}), STARTED, until=30) == [4]


def test_what_occurs_on_a_boundary_meets_a_milestone_with_a_window_at_that_boundary() -> None:
    assert missed({"measure": {"max": "properties.pages"}, "over": "7d", "at_least": 20}, export(12, 20)) == [(10, 12, "cleared")]
    assert missed({**SUM, "over": "3d", "at_least": 100}, export(11, 60), export(12, 40)) == [(10, 12, "cleared")]
    assert missed({"measure": "users", "over": "2h", "at_least": 1}, export(12, user="ana")) == [(10, 12, "cleared")]


def test_a_late_value_lowers_a_window_until_the_time_is_over_and_not_after() -> None:
    asked = {"measure": {"avg": "properties.pages"}, "over": "3d", "at_least": 20}
    assert missed(asked, export(1.5, 20), export(1.2, 1, heard=9)) == [(10, None, None)]
    assert missed(asked, export(1.5, 20), export(1.2, 1, heard=11)) == []
