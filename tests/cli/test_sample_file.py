import pytest

from services.cli.failures import Found
from services.cli.up.sample_file import events_of, from_now, read_sample
from shared.instants import DAY, parse_instant

NOW = parse_instant("2026-03-01T12:00:00Z")
ONE = """
accounts:
  acme:
    traits: {plan: pro}
    dates: {started_at: 10d ago, renewal_date: in 30d}
    users: {ana: {name: Ana}, bo: {}}
    events:
      - {name: user.logged_in, users: [ana, bo], each: 1d, from: 4d, until: 1d}
      - {name: ticket.created, users: [bo], ago: 2d, properties: {priority: urgent}}
"""


def test_an_account_is_known_before_anything_happens_to_it():
    first, *people, _, _, _, _ = events_of(read_sample(ONE), NOW)
    assert (first["name"], first["traits"]) == (
        "account.updated",
        {"plan": "pro", "started_at": "2026-02-19", "renewal_date": "2026-03-31"},
    )
    assert [(one["user_id"], one["user_traits"]) for one in people] == [("ana", {"name": "Ana"}), ("bo", {})]


def test_users_take_turns_and_each_time_is_within_a_third_of_its_place():
    logins = [event for event in events_of(read_sample(ONE), NOW) if event["name"] == "user.logged_in"]
    assert [event["user_id"] for event in logins] == ["ana", "bo", "ana"]
    places = [(parse_instant(event["occurred_at"]) - (NOW - 4 * DAY)) / DAY for event in logins]
    assert all(number <= place < number + 1 / 3 for number, place in enumerate(places))


def test_what_happened_once_happened_then():
    [ticket] = [event for event in events_of(read_sample(ONE), NOW) if event["name"] == "ticket.created"]
    assert ticket["occurred_at"] == ticket["received_at"] == "2026-02-27T12:00:00Z"
    assert ticket["properties"] == {"priority": "urgent"}


def test_the_same_file_and_instant_are_the_same_events_in_the_order_of_time():
    events = events_of(read_sample(ONE), NOW)
    assert events == events_of(read_sample(ONE), NOW)
    assert events != events_of(read_sample(ONE), NOW + DAY)
    assert [event["received_at"] for event in events] == sorted(event["received_at"] for event in events)
    assert len({event["id"] for event in events}) == len(events)


@pytest.mark.parametrize(("text", "days"), [("in 60d", 60), ("400d ago", -400), ("in 2w", 14)])
def test_dates_are_told_from_now(text: str, days: int):
    assert from_now(text, NOW) == NOW + days * DAY


@pytest.mark.parametrize("text", ["60d", "in ago", "tomorrow", "in 60d ago", ""])
def test_a_date_that_is_not_told_from_now_is_refused(text: str):
    with pytest.raises(ValueError):
        from_now(text, NOW)


@pytest.mark.parametrize(
    ("change", "line"),
    [("ago: 2d|ago: soon", 9), ("each: 1d, |", 8), ("ago: 2d|ago: 2d, each: 1d, from: 3d", 9), ("10d ago|last year", 5)],
)
def test_a_wrong_file_is_told_with_its_line(change: str, line: int):
    right, wrong = change.split("|")
    with pytest.raises(Found, match=f"sample.yaml:{line}:"):
        read_sample(ONE.replace(right, wrong))
