"""Count: a measure over a sliding window against a bound."""

import pytest

from tests.rules.timeline import event, fired_on, lived, runs


def count(**form):
    return {"when": {"count": {"of": "ticket.created", **form}}, "again": "every time"}


def ticket(day, **more):
    return event("ticket.created", day, **more)


THREE_A_WEEK = count(over="7d", at_least=3)


def test_rises_at_the_event_that_reaches_the_bound():
    assert fired_on(THREE_A_WEEK, ticket(0), ticket(3), ticket(6), until=30) == [6]


def test_the_window_is_closed_at_both_ends():
    assert fired_on(THREE_A_WEEK, ticket(0), ticket(3), ticket(7), until=30) == [7]
    assert fired_on(THREE_A_WEEK, ticket(0), ticket(3), ticket(7.00001), until=30) == []


def test_falls_when_the_event_that_made_it_leaves_the_window():
    assert lived(THREE_A_WEEK, ticket(0), ticket(3), ticket(6), until=30) == [(6, 7, "cleared")]
    assert lived(THREE_A_WEEK, ticket(0), ticket(3), ticket(6), ticket(6.5), until=30) == [(6, 10, "cleared")]


def test_a_late_event_counts_where_it_belongs():
    assert fired_on(THREE_A_WEEK, ticket(0), ticket(3), ticket(2, heard=6.5), until=30) == [6.5]
    assert fired_on(THREE_A_WEEK, ticket(0), ticket(3), ticket(1, heard=8.5), until=30) == []


def test_at_most_is_unknown_until_it_was_listened_to_for_the_window():
    quiet = count(over="7d", at_most=0)
    assert fired_on(quiet, ticket(0), until=6) == []
    assert fired_on(quiet, ticket(0), until=30) == [7]
    assert lived(quiet, ticket(0), ticket(20), until=40) == [(7, 20, "cleared"), (27, None, None)]


def test_where_lets_only_matching_events_count():
    urgent = count(where={"properties.priority": "urgent"}, over="7d", at_least=2)
    heard = [ticket(1, priority="urgent"), ticket(2, priority="low"), ticket(3), ticket(4, priority="urgent")]
    assert fired_on(urgent, *heard, until=30) == [4]


@pytest.mark.parametrize(
    ("measure", "bound", "day"),
    [
        ("users", 2, 2),
        ("days", 3, 2),
        ({"sum": "properties.hours"}, 9, 2),
        ({"max": "properties.hours"}, 5, 1),
        ({"avg": "properties.hours"}, 3, 1),
        ({"last": "properties.hours"}, 4, 2),
        ({"distinct": "properties.area"}, 2, 1),
    ],
)
def test_every_measure(measure, bound, day):
    heard = [ticket(0, user="u1", hours=0.5, area="a"), ticket(1, user="u1", hours=6, area="b"), ticket(2, user="u2", hours=4)]
    if measure == {"last": "properties.hours"}:
        heard[1] = ticket(1, hours=2)
    if measure == {"max": "properties.hours"}:
        heard[0] = ticket(0, hours=4)
    (first, *_) = fired_on(count(measure=measure, over="7d", at_least=bound), *heard, until=3)
    assert first == day


def test_a_measure_in_days_moves_at_midnight():
    three_users = count(measure="users", over="2d", at_least=2)
    assert lived(three_users, ticket(0.5, user="u1"), ticket(1.5, user="u2"), until=9) == [(1.5, 2, "cleared")]


def test_a_large_count_uses_hours_below_two_days():
    many = count(over="24h", at_least=1001)
    heard = [ticket(n / 100_000) for n in range(1001)]
    assert lived(many, *heard, until=5) == [(0.01, 1, "cleared")]


def test_exactly_the_bound_is_enough_within_the_tolerance():
    sums = count(measure={"sum": "properties.hours"}, over="7d", at_least=0.3)
    assert fired_on(sums, ticket(0, hours=0.1), ticket(1, hours=0.2), until=3) == [1]


def test_shows_the_count():
    (run,) = runs(THREE_A_WEEK, ticket(0), ticket(3), ticket(6), until=30)
    assert run.evidence == {"count": 3}


def traits(day, **given):
    return event("account.updated", day, traits=given)


def test_a_bound_may_be_a_share_of_a_trait():
    half = count(measure="users", over="7d", at_least="50% of account.seats")
    heard = [traits(0, seats=4), ticket(1, user="a"), ticket(2, user="b")]
    assert fired_on(half, *heard, until=5) == [2]
    assert fired_on(half, *heard[1:], until=5) == []  # no seats: unknown
    assert lived(count(over="7d", at_least="50% of account.seats"), *heard, traits(3, seats=6), until=5) == [(2, 3, "cleared")]


def test_a_share_may_be_too_large_for_single_instants():
    #  by hours above a thousand: two thousand within the first minutes fall out together with their hour
    many = count(over="24h", at_least="10% of account.seats")
    heard = [traits(0, seats=20_000), *(ticket(0.001 + n / 1_000_000) for n in range(2000))]
    ((opened, resolved, why),) = lived(many, *heard, until=5)
    assert (round(opened, 6), resolved, why) == (0.002999, 1, "cleared")


def test_a_large_count_uses_hours_whatever_the_window():
    many = count(over="3d", at_least=1001)
    heard = [ticket(0.5 + n / 1_000_000) for n in range(1001)]
    ((_, resolved, _),) = lived(many, *heard, until=9)
    assert resolved == 3.5


def test_since_a_date():
    since = count(since="account.contract_start", at_least=2)
    early, late = ticket(1), [ticket(5), ticket(6)]
    start = traits(0, contract_start="2026-01-04")  # day 3
    assert fired_on(since, start, early, *late, until=9) == [6]
    assert fired_on(since, start, early, late[0], until=9) == []
    assert fired_on(since, early, *late, until=9) == []  # no date


def test_since_a_date_is_unknown_before_it_and_where_nobody_listened():
    none = count(since="account.contract_start", at_most=0)
    assert fired_on(none, traits(0, contract_start="2026-01-04"), until=9) == [3]
    assert fired_on(none, traits(0, contract_start="2025-12-01"), until=9) == []


def test_since_a_date_what_was_reached_is_reached_wherever_nobody_listened():
    since = count(since="account.contract_start", at_least=2)
    start = event("account.updated", 1, traits={"contract_start": "2025-12-01"})
    assert fired_on(since, start, ticket(2), ticket(3), until=9) == [3]


def test_what_occurs_at_a_boundary_leaves_with_the_bucket_that_begins_there():
    hourly = count(measure="users", over="1h", at_least=1)
    assert lived(hourly, ticket(1 / 48, user="ana"), ticket(1 / 24, user="ana"), until=1) == [(1 / 48, 2 / 24, "cleared")]


def test_an_hour_may_lie_in_two_local_days():
    # In Kathmandu midnight is at 18:15 in UTC.
    two_days = {"timezone": "Asia/Kathmandu", **count(measure="days", over="2h", at_least=2)}
    before, after, next_hour = ticket(1.7583), ticket(1.7625), ticket(1 + 19.5 / 24)
    assert fired_on(two_days, before, after, until=3) == [1.7625]
    assert fired_on(two_days, after, next_hour, until=3) == []
