"""Open, change, every, manual."""

import pytest
from pydantic import ValidationError

from services.rules.core.cron import Cron
from services.rules.core.play import Play
from shared.instants import parse_instant, show_instant
from tests.rules.timeline import event, fired_on, lived, runs


def traits(day, **given):
    return event("account.updated", day, traits=given)


# ---------------------------------------------------------------- change

DOWNGRADE = {"when": {"change": {"of": "account.plan", "from": "pro", "to": ["free", "starter"]}}}


def test_a_change_is_an_edge_at_its_instant():
    assert fired_on(DOWNGRADE, traits(0, plan="pro"), traits(3, plan="free"), traits(4, plan="free"), until=9) == [3]
    assert fired_on(DOWNGRADE, traits(0, plan="basic"), traits(3, plan="free"), until=9) == []
    assert fired_on(DOWNGRADE, traits(0, plan="pro"), traits(3, plan="max"), until=9) == []


def test_a_first_value_is_no_change():
    anything = {"when": {"change": {"of": "account.plan"}}}
    assert fired_on(anything, traits(0, plan="pro"), traits(3, plan="free"), until=9) == [3]
    assert fired_on(anything, event("user.login", 0), traits(3, plan="free"), until=9) == []


def test_a_number_is_not_true():
    switched_on = {"when": {"change": {"of": "account.beta", "to": True}}}
    assert fired_on(switched_on, traits(0, beta=1), traits(3, beta=True), until=9) == [3]
    assert fired_on({"when": {"change": {"of": "account.beta"}}}, traits(0, beta=1), traits(3, beta=1.0), until=9) == []


def test_what_was_known_before_the_start_counts():
    begun = traits(0, started_at="2026-01-04", plan="pro")
    assert fired_on(DOWNGRADE, begun, traits(2.9, plan="free"), until=9) == []
    assert fired_on(DOWNGRADE, begun, traits(3, plan="free"), until=9) == [3]
    assert fired_on(DOWNGRADE, begun, traits(1, plan="basic"), traits(3, plan="free"), until=9) == []
    assert fired_on(DOWNGRADE, begun, traits(1, plan=None), traits(5, plan="free"), until=9) == [5]


def test_what_was_known_of_a_user_before_the_start_counts():
    promoted = {"per": "user", "when": {"change": {"of": "user.role", "to": "admin"}}}
    begun = event("user.login", 0, user="ann", traits={"started_at": "2026-01-04"}, user_traits={"role": "viewer"})
    other = event("user.login", 3, user="bob", user_traits={"role": "admin"})
    own = event("user.login", 3, user="ann", user_traits={"role": "admin"})
    assert fired_on(promoted, begun, other, until=9) == []
    assert fired_on(promoted, begun, own, until=9) == [3]


def test_an_imported_change_opens_nothing_later():
    imported = event("account.updated", 1, traits={"plan": "free"}, imported=True)
    quiet = {"any": [{"silence": {"of": "user.login", "for": "2d", "since": "start"}}, {"trait": {"account.plan": "free"}}]}
    combined = {"when": {"all": [DOWNGRADE["when"], quiet]}}
    assert fired_on(combined, traits(0, plan="pro"), imported, until=9) == []
    assert fired_on(combined, traits(0, plan="pro"), imported, traits(3, plan="pro"), traits(4, plan="free"), until=9) == [4]


def test_what_was_known_counts_after_a_gap():
    assert fired_on(DOWNGRADE, traits(0, plan="pro"), traits(3, plan=None), traits(5, plan="free"), until=9) == [5]


def test_a_number_crosses_a_bound():
    crosses = {"when": {"change": {"of": "account.score", "crosses": {"below": 40}}}}
    heard = [traits(0, score=50), traits(1, score=39), traits(2, score=30), traits(3, score=40), traits(4, score=10)]
    assert fired_on(crosses, *heard, until=9) == [1, 4]
    assert runs(crosses, *heard, until=2)[0].evidence == {"before": 50, "after": 39}


# ---------------------------------------------------------------- every

QUARTERLY = {"when": {"every": {"since": "account.onboarded_at", "each": "90d"}}}


def test_every_counts_from_its_anchor():
    assert fired_on(QUARTERLY, traits(0, onboarded_at="2026-01-11"), until=300) == [100, 190, 280]


def test_every_without_an_anchor_never():
    assert fired_on(QUARTERLY, traits(0, plan="pro"), until=300) == []


def test_a_moved_anchor_moves_what_is_to_come():
    heard = [traits(0, onboarded_at="2026-01-11"), traits(50, onboarded_at="2026-01-21")]
    assert fired_on(QUARTERLY, *heard, until=200) == [110, 200]


def test_every_by_cron():
    mondays = {"when": {"every": {"cron": "0 9 * * MON"}}, "timezone": "Europe/Paris"}
    # 5 January 2026 is a Monday: day 4; nine o'clock in Paris is eight in UTC
    assert fired_on(mondays, event("user.login", 0), until=12) == [4 + 8 / 24, 11 + 8 / 24]


@pytest.mark.parametrize(
    ("expression", "zone", "after", "first"),
    [
        ("30 2 * * *", "Europe/Paris", "2026-03-28T03:00:00Z", "2026-03-30T00:30:00Z"),  # 29 March has no 2:30
        ("30 2 * * *", "Europe/Paris", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),  # twice: the first
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 12 13 * FRI", "UTC", "2026-01-03T00:00:00Z", "2026-01-09T12:00:00Z"),  # either day
        ("*/20 8-9 * * 1-5", "UTC", "2026-01-02T09:41:00Z", "2026-01-05T08:00:00Z"),
    ],
)
def test_cron(expression, zone, after, first):
    found = Cron(expression, zone).next(parse_instant(after))
    assert found is not None
    assert show_instant(found) == first


@pytest.mark.parametrize("wrong", ["* * * *", "60 * * * *", "* * * * MOX", "5-1 * * * *", "*/0 * * * *", "x * * * *"])
def test_a_wrong_cron_is_refused(wrong):
    with pytest.raises(ValidationError, match=r"cron|between|fields|backwards|step"):
        Play.model_validate({"play": "p", "when": {"every": {"cron": wrong}}})


# ---------------------------------------------------------------- manual


def test_manual_starts_the_play_that_is_named():
    play = {"play": "handover", "when": {"manual": {}}}
    heard = [event("play.started", 1, play="handover"), event("play.started", 2, play="other")]
    assert fired_on(play, *heard, until=9) == [1]


# ---------------------------------------------------------------- open


def open_tickets(**more):
    form = {"by": "properties.ticket_id", "opens": ["ticket.created", "ticket.reopened"], "closes": "ticket.solved"}
    return {"when": {"open": {**form, **more}}, "again": "every time"}


def created(day, number, **more):
    return event("ticket.created", day, ticket_id=number, **more)


def solved(day, number, **more):
    return event("ticket.solved", day, ticket_id=number, **more)


TWO_OPEN = open_tickets(at_least=2)


def test_open_counts_things_not_events():
    assert fired_on(TWO_OPEN, created(0, 1), created(1, 1), created(2, 2), until=9) == [2]
    assert lived(TWO_OPEN, created(0, 1), created(2, 2), solved(4, 1), until=9) == [(2, 4, "cleared")]


def test_the_latest_by_occurrence_decides():
    late = solved(1, 1, heard=5)
    assert lived(TWO_OPEN, created(0, 1), created(2, 2), late, until=9) == [(2, 5, "cleared")]
    reopened = event("ticket.reopened", 3, ticket_id=1)
    assert fired_on(TWO_OPEN, created(0, 1), reopened, created(4, 2), solved(1, 1, heard=5), until=9) == [4]


def test_of_equal_instants_the_later_in_the_log_counts():
    assert fired_on(TWO_OPEN, created(0, 2), solved(1, 1), created(1, 1), until=9) == [1]
    assert fired_on(TWO_OPEN, created(0, 2), created(1, 1), solved(1, 1), until=9) == [1]
    assert lived(TWO_OPEN, created(0, 2), created(1, 1), solved(1, 1), until=9) == [(1, 1, "cleared")]


def test_a_close_heard_late_leaves_what_was_opened_since_a_later_close():
    again = [created(0, 1), solved(3, 1), event("ticket.reopened", 3, ticket_id=1), solved(2, 1, heard=4)]
    assert lived(open_tickets(at_least=1), *again, until=9) == [(0, 3, "cleared"), (3, None, None)]


def test_only_those_open_for_longer():
    assert fired_on(open_tickets(at_least=1, **{"for": "5d"}), created(0, 1), until=30) == [5]
    assert fired_on(open_tickets(at_least=1, **{"for": "5d"}), created(0, 1), solved(5, 1), until=30) == []
    #  solved and opened again: the clock begins anew
    again = [created(0, 1), solved(3, 1), event("ticket.reopened", 4, ticket_id=1)]
    assert fired_on(open_tickets(at_least=1, **{"for": "5d"}), *again, until=30) == [9]


def test_where_asks_the_latest_known_properties():
    urgent = open_tickets(at_least=1, where={"properties.priority": "urgent"})
    heard = [created(0, 1, priority="low"), event("ticket.updated", 2, ticket_id=1, priority="urgent")]
    assert lived(urgent, *heard, event("ticket.updated", 6, ticket_id=1, priority="low"), until=9) == [(2, 6, "cleared")]


def test_an_opening_heard_too_late_is_ignored():
    assert fired_on(open_tickets(at_least=1), event("user.login", 0), created(1, 1, heard=91), until=99) == [91]
    assert fired_on(open_tickets(at_least=1), event("user.login", 0), created(1, 1, heard=91.1), until=99) == []


def test_a_property_that_is_null_is_no_longer_known():
    urgent = open_tickets(at_least=1, where={"properties.priority": "urgent"})
    heard = [created(0, 1, priority="urgent"), event("ticket.updated", 2, ticket_id=1, priority=None)]
    assert fired_on(urgent, *heard, until=9) == [0]
    unknown = open_tickets(at_least=1, where={"properties.priority": {"equals": "urgent", "missing": False}})
    assert lived(unknown, *heard, until=9) == [(0, 2, "cleared")]
    assert lived(unknown, heard[0], event("ticket.updated", 2, ticket_id=1), until=9) == [(0, None, None)]


def test_a_closed_thing_is_forgotten_with_its_properties():
    urgent = open_tickets(at_least=1, where={"properties.priority": "urgent"})
    heard = [created(0, 1, priority="urgent"), solved(1, 1)]
    assert fired_on(urgent, *heard, created(91, 1), until=99) == [0, 91]
    assert fired_on(urgent, *heard, created(91.1, 1), until=99) == [0]
    # Nor does another thing have to be heard of meanwhile.
    assert fired_on(urgent, *heard, created(91.1, 2), created(91.2, 1), until=99) == [0]


def test_what_opens_may_not_depend_on_traits():
    form = open_tickets(opens={"of": "ticket.created", "where": {"account.plan": "pro"}}, at_least=1)
    with pytest.raises(ValidationError, match=r"ask properties\. and event\. only"):
        Play.model_validate({"play": "p", **form})
