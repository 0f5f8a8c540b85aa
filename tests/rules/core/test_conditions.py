"""The other kinds: not_reached, date, rise, all, any, not; and that every kind's docstring shows YAML that is taken."""

import importlib
import re
import textwrap

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from services.rules.core.condition import kinds
from services.rules.core.play import Play
from tests.rules.timeline import event, fired_on, lived, runs

ADOPTION = {
    "when": {
        "not_reached": {
            "since": "account.onboarded_at",
            "within": "14d",
            "milestones": {
                "first report": {"count": {"of": "report.exported", "at_least": 1}},
                "team": {"count": {"of": "any", "measure": "users", "at_least": 2}},
            },
        }
    }
}


def onboarded(day, date="2026-01-05"):
    return event("account.updated", day, traits={"onboarded_at": date})


def export(day, user="ana", **more):
    return event("report.exported", day, user=user, **more)


def test_not_reached_fires_when_the_time_is_up():
    assert fired_on(ADOPTION, onboarded(4), until=40) == [18]
    assert fired_on(ADOPTION, onboarded(4), export(10), export(11, "bo"), until=40) == []


def test_not_reached_names_what_is_late():
    (run,) = runs(ADOPTION, onboarded(4), export(10), until=40)
    assert run.evidence == {"since": "2026-01-05T00:00:00Z", "missing": ["team"], "reached": {"first report": 1, "team": 1}}


def test_not_reached_ends_when_reached():
    assert lived(ADOPTION, onboarded(4), export(10), export(20, "bo"), until=40) == [(18, 20, "cleared")]


def test_not_reached_counts_from_the_anchor_on_also_what_was_heard_before_it():
    early = [export(1), export(2, "bo")]
    assert fired_on(ADOPTION, *early, onboarded(4), until=40) == [18]
    assert fired_on(ADOPTION, export(5), export(6, "bo"), onboarded(7), until=40) == []


def test_not_reached_without_an_anchor_is_unknown():
    assert fired_on(ADOPTION, export(1), until=99) == []


def test_a_milestone_may_have_a_window():
    play = {
        "when": {
            "not_reached": {
                "since": "account.onboarded_at",
                "within": "30d",
                "milestone": {"count": {"of": "report.exported", "over": "2d", "at_least": 3}},
            }
        }
    }
    assert fired_on(play, onboarded(4), export(5), export(8), export(11), until=40) == [34]
    assert fired_on(play, onboarded(4), export(5), export(6), export(7), until=40) == []


def test_an_anchor_may_restart():
    play = {
        "when": {
            "not_reached": {
                "since": {"event": "ticket.created", "restart": True},
                "within": "5d",
                "milestone": {"count": {"of": "ticket.solved", "at_least": 1}},
            }
        },
        "again": "every time",
    }
    heard = [event("ticket.created", 0), event("ticket.solved", 1), event("ticket.created", 10)]
    assert fired_on(play, *heard, until=30) == [15]


def test_date_is_true_before_it_and_until_it():
    play = {"when": {"date": {"of": "account.renewal_date", "before": "60d"}}}
    renewal = event("account.updated", 0, traits={"renewal_date": "2026-04-01"})  # day 90
    assert lived(play, renewal, until=200) == [(30, 90, "cleared")]
    assert runs(play, renewal, until=31)[0].evidence == {"date": "2026-04-01T00:00:00Z", "days_left": 60.0}


def test_date_after_lasts():
    play = {"when": {"date": {"of": "account.signed_at", "after": "7d"}}}
    signed = event("account.updated", 0, traits={"signed_at": "2026-01-11"})
    assert lived(play, signed, until=200) == [(17, None, None)]


def test_a_date_without_a_time_is_the_first_instant_of_its_day_in_the_zone():
    play = {"timezone": "Asia/Tokyo", "when": {"date": {"of": "account.signed_at", "after": "1d"}}}
    signed = event("account.updated", 0, traits={"signed_at": "2026-01-11"})
    assert fired_on(play, signed, until=20) == [10 + 1 - 9 / 24]


@pytest.mark.parametrize("found", [None, "soon", True, {"date": 1}])
def test_no_date_is_unknown(found):
    play = {"when": {"date": {"of": "account.renewal_date", "before": "60d"}}}
    assert fired_on(play, event("account.updated", 0, traits={"renewal_date": found}), until=99) == []


def test_rise_of_nothing_is_infinite_and_of_nothing_to_nothing_none():
    play = {"when": {"rise": {"of": "ticket.created", "over": "7d", "baseline": "28d", "by": "100%", "floor": 3}}}
    visits = [event("page.viewed", 0)]
    tickets = [event("ticket.created", 36 + n / 10) for n in range(3)]
    (run,) = runs(play, *visits, *tickets, until=40)
    assert run.evidence == {"rise": None, "current": 3, "baseline": 0.0}
    assert fired_on(play, *visits, *tickets[:2], until=60) == []


def test_a_renewal_that_has_gone_quiet():
    play = {
        "when": {
            "all": [{"date": {"of": "account.renewal_date", "before": "60d"}}, {"silence": {"of": "user.login", "for": "10d"}}]
        }
    }
    renewal = event("account.updated", 0, traits={"renewal_date": "2026-04-01"})
    assert fired_on(play, renewal, event("user.login", 5), until=99) == [30]
    assert fired_on(play, renewal, event("user.login", 25), until=99) == [35]
    assert lived(play, renewal, event("user.login", 25), event("user.login", 50), until=58) == [(35, 50, "cleared")]


def test_an_impulse_among_levels():
    play = {"when": {"all": [{"event": "ticket.created"}, {"silence": {"of": "user.login", "for": "10d"}}]}}
    assert fired_on(play, event("user.login", 0), event("ticket.created", 5), event("ticket.created", 12), until=30) == [12]


def test_any_of_impulses():
    play = {"when": {"any": [{"event": "a.happened"}, {"event": "b.happened"}]}}
    assert fired_on(play, event("a.happened", 1), event("b.happened", 2), event("c.happened", 3), until=9) == [1, 2]


def test_not_turns_a_level_round():
    play = {"when": {"not": {"count": {"of": "user.login", "over": "7d", "at_least": 1}}}}
    assert lived(play, event("user.login", 0), event("user.login", 10), until=12) == [(7, 10, "cleared")]


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ({"silense": {}}, ("when", "silense")),
        ({"silence": {"of": "a", "for": "14"}}, ("when", "silence", "for")),
        ({"silence": {"of": "a", "for": "14d", "untill": 1}}, ("when", "silence", "untill")),
        ({"any": [{"event": "a.b"}, {"silence": {"of": "a", "for": "1d"}}]}, ("when", "any")),
        ({"not": {"event": "a.b"}}, ("when", "not")),
        ({"all": [{"drop": {"of": "a", "over": "7d", "baseline": "20d", "by": "40%"}}]}, ("when", "all", 0, "drop")),
        ({"count": {"of": "a", "over": "7d"}}, ("when", "count")),
        ({"count": {"of": "a", "over": "50h", "measure": "users", "at_least": 2}}, ("when", "count")),
        ({"event": "a.b", "silence": {}}, ("when",)),
    ],
)
def test_what_is_wrong_has_a_place(when, place):
    with pytest.raises(ValidationError) as found:
        Play.model_validate({"play": "p", "when": when})
    assert found.value.errors()[0]["loc"] == place


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_docstring_of_every_kind_shows_yaml_that_is_taken(kind):
    text = importlib.import_module(f"services.rules.core.conditions.{kind}").__doc__ or ""
    shown = re.search(r"^ {4}when:\n(?: {6}.*\n)+", text, re.MULTILINE)
    assert shown is not None
    found = YAML(typ="safe", pure=True).load(textwrap.dedent(shown[0]))
    assert kind in found["when"]
    Play.model_validate({"play": "shown", **found})
