"""The clauses of a verdict: each true, false or unknown, with its numbers and its reason, in words."""

import pytest

from services.rules.core.condition import kinds
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.explaining.clauses import Clause
from services.rules.core.explaining.explain import Explained, explain
from services.rules.core.state import ITSELF, Account, Document, decode_document, encode_document
from tests.rules.core.test_faults import broken
from tests.rules.timeline import START, applied, at, event

EXPORTS = {"of": "report.exported", "over": "7d", "baseline": "14d", "by": "40%", "floor": 5}


def explained(play, *events, now, traits=None, at_event=False, plant=None, **more) -> Explained:
    """What is said of the account at day `now`; `at_event`: at the last event, as it was when that was taken."""
    engine = Engine(applied(play, **more))
    if plant is not None:
        plant(engine)
    account, effects = Account("acme", START, traits or {}), Effects()
    engine.begin(account, START)
    before = b""
    for one in events:
        before = encode_document(account.subjects[ITSELF])
        engine.pass_time(account, one.received_at, effects)
        engine.take(account, one, effects)
    engine.pass_time(account, at(now), effects)
    document: Document = account.subjects[ITSELF]
    view = engine.view(account, ITSELF, events[-1] if at_event else None, at(now))
    (compiled,) = engine.plays
    state = (decode_document(before) if at_event else document).plays[compiled.name]
    return explain(compiled, state, document.metrics, view, at(now))


def said(condition, *events, **more) -> tuple[bool | None, str, tuple[str, ...]]:
    clause = explained({"when": condition}, *events, **more).condition
    return clause.verdict, clause.words, clause.lacking


def exports(first, last, each_day):
    return [event("report.exported", day + n / 100) for day in range(first, last) for n in range(each_day)]


# ---------------------------------------------------------------- each kind


def test_a_drop_says_what_is_against_what():
    when = {"drop": EXPORTS}
    assert said(when, *exports(0, 14, 2), *exports(14, 21, 1), now=21.5) == (
        True,
        (
            "7 report.exported in the 7 days before 2026-01-22 00:00Z against 14 per 7 days in the 14 days before "
            "(kept since it became true): a drop of 50%; 40% is asked for"
        ),
        (),
    )
    verdict, words, _ = said(when, *exports(0, 21, 2), now=21.5)
    assert (verdict, words.partition(": ")[2].rpartition("before: ")[2]) == (False, "no drop; 40% is asked for")
    verdict, words, _ = said(when, *exports(0, 14, 1)[::3], now=21.5)
    assert (verdict, words.rpartition(": ")[2]) == (False, "too little to judge, a floor of 5 is asked for")
    verdict, words, _ = said(when, *exports(0, 2, 1), now=3)
    assert verdict is None
    assert words == "heard since only 2026-01-01 00:00Z, and 21 days are needed: it can be said from 2026-01-22 00:00Z on"


def test_a_rise_from_nothing():
    verdict, words, _ = said({"rise": EXPORTS}, *exports(14, 21, 1), now=21.5)
    assert (verdict, words.rpartition(": ")[2]) == (True, "a rise from nothing; 40% is asked for")


def test_a_silence_says_since_when():
    when = {"silence": {"of": "user.login", "for": "14d"}}
    login = event("user.login", 1)
    assert said(when, login, now=3) == (
        False,
        "no user.login for 2 days, the last on 2026-01-02 00:00Z; more than 14 days is asked for",
        (),
    )
    assert said(when, now=3)[:2] == (None, "user.login was never seen, and without `since: start` never is not a silence")
    since = {"silence": {"of": "user.login", "for": "14d", "since": "start"}}
    verdict, words, _ = said(since, now=15)
    assert (verdict, words) == (
        True,
        "no user.login ever, which counts from 2026-01-01 00:00Z: 15 days of silence; more than 14 days is asked for",
    )


def test_a_count_says_the_number_and_its_bound():
    when = {"count": {"of": "ticket.created", "where": {"properties.priority": "urgent"}, "over": "7d", "at_least": 2}}
    ticket = event("ticket.created", 1, priority="urgent")
    assert said(when, ticket, now=2)[:2] == (
        False,
        "1 ticket.created (where properties.priority: urgent) in the last 7 days; at least 2 is asked for",
    )
    verdict, words, _ = said({"count": {"of": "any", "measure": "users", "over": "2d", "at_most": 1}}, now=1)
    assert (verdict, words.partition(";")[2]) == (
        None,
        " at most 1 can be said from 2026-01-03 00:00Z on: heard since only 2026-01-01 00:00Z",
    )


def test_a_share_that_lacks_its_field():
    when = {"count": {"of": "any", "over": "2d", "at_least": "50% of account.seats"}}
    assert said(when, event("a.b", 1), now=1, traits={"seats": "many"}) == (
        None,
        "1 any event in the last 2 days; at least 50% of account.seats, which is missing or no number, is asked for",
        ("account.seats",),
    )
    assert "at least 5 (50% of account.seats)" in said(when, event("a.b", 1), now=1, traits={"seats": 10})[1]


def test_a_count_since_a_date():
    when = {"count": {"of": "report.exported", "since": "account.contract_start", "at_most": 2}}
    assert said(when, now=3)[::2] == (None, ("account.contract_start",))
    traits = {"contract_start": "2026-01-05"}
    assert "still to come" in said(when, now=3, traits=traits)[1]
    assert said(when, event("report.exported", 5), now=6, traits=traits)[:2] == (
        True,
        "1 report.exported since account.contract_start, 2026-01-05 00:00Z; at most 2 is asked for",
    )


def test_milestones_are_clauses_of_their_own():
    milestones = {
        "first": {"count": {"of": "a.b", "at_least": 1}},
        "team": {"count": {"of": "any", "measure": "users", "at_least": 3}},
    }
    when = {"not_reached": {"since": "account.onboarded_at", "within": "2d", "milestones": milestones}}
    found = explained({"when": when}, event("a.b", 1, user="u"), now=3, traits={"onboarded_at": "2026-01-01"}).condition
    assert found.verdict is True
    assert found.words.startswith("the 2 days since account.onboarded_at, 2026-01-01 00:00Z, were over on 2026-01-03 00:00Z")
    assert [(one.kind, one.verdict, one.words) for one in found.clauses] == [
        ("milestone", True, "first: 1 of 1 a.b"),
        ("milestone", False, "team: 1 of 3 users with any event"),
    ]
    assert said(when, now=3)[1:] == ("account.onboarded_at is missing", ("account.onboarded_at",))


def test_a_date_that_is_no_date():
    when = {"date": {"of": "account.renewal_date", "before": "60d"}}
    assert said(when, now=3, traits={"renewal_date": "soon"}) == (
        None,
        "account.renewal_date is soon, which is no date",
        ("account.renewal_date",),
    )
    verdict, words, _ = said(when, now=1, traits={"renewal_date": "2026-03-01"})
    assert (verdict, words) == (
        True,
        "account.renewal_date is 2026-03-01 00:00Z, in 58 days; it counts from 60 days before it, 2025-12-31 00:00Z, until then",
    )


def test_traits_are_told_field_by_field():
    found = explained(
        {"when": {"trait": {"account.plan": ["pro", "team"], "account.mrr": {"at_least": 5}}}}, now=1, traits={"plan": "pro"}
    )
    assert (found.verdict, found.lacking) == (None, ("account.mrr",))
    assert [(one.verdict, one.words) for one in found.condition.clauses] == [
        (True, "account.plan is pro, and should be one of pro, team"),
        (None, "account.mrr is missing, and should be at least 5"),
    ]


def test_open_things_and_changes_and_recurring_dates():
    opened = {"open": {"by": "properties.thing", "opens": "t.opened", "closes": "t.closed", "at_least": 2, "for": "1d"}}
    assert said(opened, event("t.opened", 1, thing="x"), now=5)[:2] == (
        False,
        "1 thing open (by properties.thing) for more than 1 day; at least 2 is asked for",
    )
    change = {"change": {"of": "account.plan", "to": "free"}}
    assert said(change, event("a.b", 1, traits={"plan": "pro"}), now=5)[:2] == (
        False,
        "account.plan is pro, and does not change at this instant; a change to: free is asked for",
    )
    every = {"every": {"since": "account.onboarded_at", "each": "90d"}}
    assert said(every, now=5, traits={"onboarded_at": "2026-01-01"})[1] == (
        "at a recurring date each 90 days since account.onboarded_at: next on 2026-04-01 00:00Z"
    )
    assert said(every, now=5)[1:] == ("account.onboarded_at is missing", ("account.onboarded_at",))


def test_at_its_event_an_impulse_is_explained_as_it_was_taken():
    detractor = {"event": {"of": "nps.answered", "where": {"properties.score": {"at_most": 6}}}}
    bad, good, odd = (event("nps.answered", 1, id=f"n{score}", score=score) for score in (3, 9, "x"))
    assert said(detractor, bad, now=1, at_event=True)[:2] == (True, "the event nps.answered with the id n3, where")
    assert said(detractor, good, now=1, at_event=True)[0] is False
    found = explained({"when": detractor}, odd, now=1, at_event=True).condition
    assert [one.words for one in found.clauses] == [
        "properties.score is x, a text that cannot be compared, and should be at most 6"
    ]
    assert said(detractor, bad, now=2)[:2] == (
        False,
        "at an event nps.answered (where properties.score: {at_most: 6}); there is none at this instant",
    )
    change = {"change": {"of": "account.plan", "from": "pro", "to": "free"}}
    fell = [event("a.b", 0, traits={"plan": "pro"}), event("a.b", 1, traits={"plan": "free"})]
    assert said(change, *fell, now=1, at_event=True)[0] is True
    assert said(change, *fell, event("a.c", 2, traits={"mrr": 1}), now=2, at_event=True)[0] is False


# ---------------------------------------------------------------- the tree


def shape(clause: Clause) -> object:
    return (clause.kind, clause.verdict, *map(shape, clause.clauses)) if clause.clauses else (clause.kind, clause.verdict)


def test_the_tree_is_the_plays_with_three_values():
    silence, missing = {"silence": {"of": "a.b", "for": "9d"}}, {"date": {"of": "account.ends", "before": "1d"}}
    pro = {"trait": {"account.plan": "pro"}}
    found = explained(
        {"when": {"any": [{"not": missing}, {"all": [missing, pro]}, {"all": [missing, {"not": pro}]}, silence]}},
        event("a.b", 1), now=2, traits={"plan": "pro"},
    )  # fmt: skip
    assert shape(found.condition) == (
        "any",
        None,
        ("not", None, ("date", None)),
        ("all", None, ("date", None), ("trait", True, ("field", True))),
        ("all", False, ("date", None), ("not", False, ("trait", True, ("field", True)))),
        ("silence", False),
    )
    # What decides in spite of an unknown lacks nothing.
    assert (found.verdict, found.lacking) == (None, ("account.ends",))


def test_audience_and_resolve_when_are_told_too():
    play = {"when": {"trait": {"account.plan": "pro"}}, "audience": {"account.mrr": {"above": 1}, "account.stage": "live"}}
    play["resolve_when"] = {"count": {"of": "a.b", "over": "1d", "at_least": 1}}
    found = explained(play, event("a.b", 1), now=1, traits={"plan": "pro", "stage": "live"})
    assert (found.verdict, found.lacking) == (None, ("account.mrr",))
    assert found.audience is not None
    assert shape(found.audience) == ("all", None, ("field", None), ("field", True))
    assert found.resolve_when is not None
    assert shape(found.resolve_when) == ("count", True)


def test_a_fault_of_ours_is_an_answer():
    play = {"play": "p", "when": {"all": [{"trait": {"account.plan": "pro"}}, {"silence": {"of": "a.b", "for": "1d"}}]}}
    found = explained(play, now=3, traits={"plan": "pro"}, plant=lambda engine: broken(engine, "p", [3]))
    fault, _ = found.condition.clauses
    assert (fault.verdict, fault.evidence["error"]) == (None, "ZeroDivisionError")
    assert fault.words.startswith("a fault of ours: ZeroDivisionError in ")


EXAMPLES = {
    "behind": {"of": "a.b", "over": "2d", "peers": "all", "at_most": "25%"},
    "count": {"of": "a.b", "over": "1d", "at_least": 1},
    "date": {"of": "account.ends", "before": "1d"},
    "drop": EXPORTS,
    "rise": EXPORTS,
    "event": "a.b",
    "every": {"cron": "0 9 * * MON"},
    "manual": {},
    "change": {"of": "account.plan"},
    "not_reached": {"since": {"event": "a.b"}, "within": "1d", "milestone": {"count": {"of": "a.c", "at_least": 1}}},
    "open": {"by": "properties.id", "opens": "a.b", "closes": "a.c", "at_least": 1},
    "silence": {"of": "a.b", "for": "1d"},
    "trait": {"account.plan": "pro"},
    "not": {"silence": {"of": "a.b", "for": "1d"}},
    "all": [{"event": "a.b"}],
    "any": [{"event": "a.b"}],
}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_kind_has_words_of_its_own(kind):
    found = explained({"when": {kind: EXAMPLES[kind]}}, event("a.x", 1), now=2).condition
    assert found.kind == kind
    assert found.words
    assert "None" not in found.words


def test_every_kind_is_tried():
    assert set(EXAMPLES) == set(kinds())
