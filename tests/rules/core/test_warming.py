"""Plays that are applied to accounts that exist: what is kept, what begins anew, what history fills."""

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from tests.rules.timeline import applied, at, day_of, event

SILENCE = {"play": "quiet", "when": {"silence": {"of": "user.login", "for": "14d"}}, "again": "every time"}
OTHER = {"play": "other", "when": {"trait": {"account.plan": "pro"}}}
RUN_NOW = {**SILENCE, "on_activate": "run"}


def lived_through(first, second, history, *, changed_on, until):
    """The runs and ends of one account under two sets of plays, the second applied on day `changed_on`."""
    effects, account = Effects(), Account("acme", history[0].received_at, {})
    old, new = Engine(applied(*first)), Engine(applied(*second))
    for one in [one for one in history if one.received_at <= at(changed_on)]:
        old.take(account, one, effects)
    old.pass_time(account, at(changed_on), effects)
    before = [one for one in history if one.received_at <= at(changed_on)]
    names = new.warm_names(old.applied)
    new.warm(account, [one for one in before if names is None or one.name in names], at(changed_on), effects)
    for one in [one for one in history if one.received_at > at(changed_on)]:
        new.take(account, one, effects)
    new.pass_time(account, at(until) + 1, effects)
    return effects


def opened(effects):
    return [(run.play, day_of(run.opened_at)) for run in effects.opened]


def ended(effects):
    return [(day_of(end.resolved_at), end.reason) for end in effects.resolved]


def test_what_was_true_before_the_play_is_known_and_what_rises_after_is_an_edge():
    quiet_since_0 = [event("user.login", 0), event("page.viewed", 3)]
    assert opened(lived_through([], [SILENCE], quiet_since_0, changed_on=20, until=60)) == []
    assert opened(lived_through([], [SILENCE], quiet_since_0, changed_on=10, until=60)) == [("quiet", 14)]
    assert opened(lived_through([], [SILENCE], [*quiet_since_0, event("user.login", 30)], changed_on=20, until=60)) == [
        ("quiet", 44)
    ]


def test_on_activate_run_opens_for_what_is_already_true():
    assert opened(lived_through([], [RUN_NOW], [event("user.login", 0)], changed_on=20, until=60)) == [("quiet", 20)]


def test_a_change_of_title_or_steps_keeps_everything():
    edited = {**SILENCE, "title": "Gone quiet", "do": [{"task": {"to": "inbox", "title": "x"}}]}
    effects = lived_through([SILENCE], [edited], [event("user.login", 0), event("user.login", 30)], changed_on=20, until=40)
    assert opened(effects) == [("quiet", 14)]
    assert ended(effects) == [(30, "cleared")]


def test_a_change_of_the_condition_begins_anew():
    longer = {**SILENCE, "when": {"silence": {"of": "user.login", "for": "25d"}}}
    effects = lived_through([SILENCE], [longer], [event("user.login", 0)], changed_on=20, until=60)
    assert opened(effects) == [("quiet", 14), ("quiet", 25)]
    assert ended(effects) == [(20, "edited")]


def test_a_play_that_is_gone_ends_its_runs():
    effects = lived_through([SILENCE, OTHER], [OTHER], [event("user.login", 0)], changed_on=20, until=60)
    assert ended(effects) == [(20, "archived")]


def test_was_carries_the_name_over():
    renamed = {**SILENCE, "play": "gone-quiet", "was": "quiet"}
    effects = lived_through([SILENCE], [renamed], [event("user.login", 0), event("user.login", 30)], changed_on=20, until=60)
    assert opened(effects) == [("quiet", 14), ("gone-quiet", 44)]
    assert ended(effects) == [(30, "cleared")]


def test_subjects_of_a_new_kind_are_found_in_history():
    per_user = {**SILENCE, "per": "user"}
    history = [event("user.login", 0, user="ana"), event("user.login", 5, user="bo")]
    effects = lived_through([], [per_user], history, changed_on=16, until=60)
    assert [(run.subject, day_of(run.opened_at)) for run in effects.opened] == [("bo", 19)]


def test_only_the_names_that_new_memory_needs_are_asked_for():
    assert Engine(applied(SILENCE)).warm_names(applied(SILENCE)) == frozenset()
    assert Engine(applied(SILENCE)).warm_names(applied(OTHER)) == frozenset({"user.login"})
    anything = {"play": "any", "when": {"silence": {"of": "any", "for": "1d"}}}
    assert Engine(applied(anything)).warm_names(applied()) is None
