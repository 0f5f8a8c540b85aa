"""From an edge to a run: hold, again, first sight, unknown, audience, resolve."""

from tests.rules.timeline import applied, day_of, decided, event, fired_on, lived, replay, runs

DETRACTOR = {"when": {"event": {"of": "nps.answered", "where": {"properties.score": {"at_most": 6}}}}}
PRO = {"when": {"trait": {"account.plan": "pro"}}}


def nps(day, score=3, **more):
    return event("nps.answered", day, score=score, **more)


def plan(day, name, **more):
    return event("account.updated", day, traits={"plan": name}, **more)


def score(day, value):
    return event("account.updated", day, traits={"score": value})


# ---------------------------------------------------------------- impulses


def test_each_matching_event_is_a_run():
    assert fired_on(DETRACTOR, nps(1), nps(2, 9), nps(3), until=9) == [1, 3]


def test_two_events_of_one_instant_are_two_runs():
    found = runs(DETRACTOR, nps(1), nps(1), until=9)
    assert len({run.run_id for run in found}) == 2


def test_an_impulse_may_have_a_cooldown():
    calm = {**DETRACTOR, "again": "after 10d"}
    assert fired_on(calm, nps(0), nps(10), until=20) == [0]  # exactly at its end is still inside
    assert fired_on(calm, nps(0), nps(10.1), until=20) == [0, 10.1]
    assert decided(calm, nps(0), nps(5), until=20) == [(5, "cooldown")]


def test_never_again():
    assert fired_on({**DETRACTOR, "again": "never"}, nps(0), nps(100), until=200) == [0]


def test_an_old_event_is_stale_and_starts_no_cooldown():
    calm = {**DETRACTOR, "again": "after 10d"}
    heard = [nps(0, heard=8), nps(9)]
    assert fired_on(calm, *heard, until=20) == [9]
    assert decided(calm, *heard, until=20) == [(8, "stale")]
    assert fired_on(calm, nps(1, heard=8), until=20) == [8]  # exactly max_age is not stale


def test_an_impulse_resolves_only_by_resolve_when():
    assert lived(DETRACTOR, nps(1), until=99) == [(1, None, None)]
    promoted = {**DETRACTOR, "resolve_when": {"event": {"of": "nps.answered", "where": {"properties.score": {"at_least": 9}}}}}
    assert lived(promoted, nps(1), nps(5, 8), nps(6, 10), until=99) == [(1, 6, "resolved")]


# ---------------------------------------------------------------- levels


def test_a_level_opens_once_and_clears():
    assert lived(PRO, plan(1, "pro"), plan(2, "pro"), plan(5, "free"), until=9) == [(1, 5, "cleared")]


def test_true_at_first_sight_is_an_edge():
    assert fired_on(PRO, plan(0, "pro"), until=9) == [0]


def test_hold_is_strict():
    held = {**PRO, "hold": "3d"}
    assert fired_on(held, plan(1, "pro"), plan(4, "free"), until=9) == []
    assert fired_on(held, plan(1, "pro"), plan(4.01, "free"), until=9) == [4]


def test_unknown_keeps_what_was_known():
    held = {**PRO, "hold": "3d"}
    gone = event("account.updated", 2, traits={"plan": None})
    #  true at 1, unknown from 2 to 6: the hold ended meanwhile, so it opens at the next true
    assert fired_on(held, plan(1, "pro"), gone, plan(6, "pro"), until=9) == [6]
    assert lived(PRO, plan(1, "pro"), gone, plan(6, "pro"), until=9) == [(1, None, None)]
    #  false, unknown, true is a new edge
    assert fired_on({**PRO, "again": "every time"}, plan(1, "free"), gone, plan(6, "pro"), until=9) == [6]


def test_again_after_thirty_days_by_default():
    bounce = [plan(0, "pro"), plan(1, "free"), plan(2, "pro")]
    assert lived(PRO, *bounce, until=40) == [(0, 1, "cleared"), (30, None, None)]
    assert decided(PRO, *bounce, until=40) == [(2, "cooldown")]
    assert lived({**PRO, "again": "every time"}, *bounce, until=40) == [(0, 1, "cleared"), (2, None, None)]


def test_a_level_that_cleared_within_the_cooldown_opens_nothing():
    bounce = [plan(0, "pro"), plan(1, "free"), plan(2, "pro"), plan(20, "free")]
    assert fired_on(PRO, *bounce, until=60) == [0]


def test_resolve_when_needs_a_fresh_rise():
    play = {
        "when": {"trait": {"account.score": {"below": 50}}},
        "resolve_when": {"trait": {"account.score": {"above": 40}}},
        "again": "every time",
    }
    heard = [score(0, 30), score(1, 45), score(2, 30), score(3, 60), score(4, 35)]
    assert lived(play, *heard, until=9) == [(0, 1, "resolved"), (4, None, None)]


def test_what_resolves_is_true_when_it_opens():
    play = {"when": {"trait": {"account.score": {"below": 50}}}, "resolve_when": {"trait": {"account.score": {"above": 40}}}}
    assert lived(play, score(0, 45), until=9) == [(0, 0, "resolved")]


# ---------------------------------------------------------------- audience


def test_an_event_outside_the_audience_is_nothing():
    play = {**DETRACTOR, "audience": {"account.plan": ["pro", "enterprise"]}}
    assert fired_on(play, plan(0, "pro"), nps(1), plan(2, "free"), nps(3), until=9) == [1]
    assert fired_on(play, nps(1), until=9) == []  # unknown does not fire


def test_leaving_the_audience_resolves_as_left():
    play = {"when": {"silence": {"of": "user.login", "for": "5d"}}, "audience": {"account.plan": "pro"}}
    heard = [plan(0, "pro"), event("user.login", 1), plan(8, "free")]
    assert lived(play, *heard, until=20) == [(6, 8, "left")]


def test_an_audience_may_look_back_in_time():
    play = {**DETRACTOR, "audience": {"account.signed_at": {"older_than": "10d"}}}
    signed = event("account.updated", 0, traits={"signed_at": "2026-01-01"})
    assert fired_on(play, signed, nps(9), nps(10), nps(11), until=20) == [11]


# ---------------------------------------------------------------- starts, shares, modes


def test_nothing_before_started_at():
    starts = event("account.updated", 0, traits={"started_at": "2026-01-06", "plan": "pro"})
    assert fired_on(PRO, starts, until=9) == [5]
    assert fired_on(DETRACTOR, starts, nps(2), nps(6), until=9) == [6]


def test_an_event_at_the_very_start_is_the_cause():
    starts = event("account.updated", 0, traits={"started_at": "2026-01-06"})
    play = {"when": {"count": {"of": "user.login", "over": "7d", "at_least": 1}}}
    at_start, before = [event("user.login", 5)], [event("user.login", 4)]
    assert fired_on(play, starts, *at_start, until=9) == [5]
    assert fired_on(play, starts, *before, until=9) == [5]
    assert runs(play, starts, *at_start, until=9)[0].event is not None
    assert runs(play, starts, *before, until=9)[0].event is None


def test_shadow_and_holdout_are_recorded_and_not_delivered():
    (shadow,) = runs({**DETRACTOR, "mode": "shadow"}, nps(1), until=9)
    (held_out,) = runs({**DETRACTOR, "holdout": "100%"}, nps(1), until=9)
    assert (shadow.arm, held_out.arm) == ("shadow", "holdout")
    assert decided({**DETRACTOR, "mode": "shadow"}, nps(1), until=9) == [(1, "shadow")]
    assert runs({**DETRACTOR, "mode": "draft"}, nps(1), until=9) == []


def test_a_rollout_takes_a_stable_share():
    half = {**DETRACTOR, "rollout": "50%"}
    heard = [nps(1, account=f"a{n}") for n in range(400)]
    inside = {run.account_id for run in runs(half, *heard, until=2)}
    assert 150 < len(inside) < 250
    assert {run.account_id for run in runs({**DETRACTOR, "rollout": "60%"}, *heard, until=2)} >= inside


def test_a_paused_play_opens_nothing():
    effects = replay(applied(DETRACTOR), [nps(1)], 9, paused=frozenset({"play"}))
    assert effects.opened == []
    assert [one.reason for one in effects.decisions] == ["paused"]


def test_imported_history_fills_memory_and_fires_nothing():
    play = {"when": {"count": {"of": "ticket.created", "over": "30d", "at_least": 2}}, "again": "every time"}
    old = [event("ticket.created", day, imported=True) for day in (1, 2)]
    assert fired_on(play, *old, until=20) == []
    assert fired_on(play, *old, event("ticket.created", 40), event("ticket.created", 41), until=60) == [41]


# ---------------------------------------------------------------- subjects


def test_per_user():
    play = {**DETRACTOR, "per": "user", "again": "never"}
    heard = [nps(1, user="ana"), nps(2, user="bo"), nps(3, user="ana"), nps(4)]
    assert [(run.subject, run.user_id) for run in runs(play, *heard, until=9)] == [("ana", "ana"), ("bo", "bo")]


def test_per_value():
    play = {
        "per": {"by": "properties.ticket_id"},
        "when": {
            "not_reached": {
                "since": {"event": "ticket.created"},
                "within": "14d",
                "milestone": {"count": {"of": "ticket.solved", "at_least": 1}},
            }
        },
    }
    heard = [
        event("ticket.created", 0, ticket_id=1),
        event("ticket.created", 1, ticket_id=2),
        event("ticket.solved", 5, ticket_id=1),
    ]
    found = runs(play, *heard, until=30)
    assert [(run.subject, run.per, run.opened_at) for run in found] == [
        ("2", "value", heard[1].received_at + 14 * 86_400_000_000)
    ]


def test_a_value_is_forgotten_400_days_after_its_last_event_when_nothing_is_open():
    #  ticket 1: created on day 0, heard of again on day 300; day 700 is not after 400 days of silence, day 700.1 is
    once = {"per": {"by": "properties.ticket_id"}, "when": {"event": "ticket.created"}, "again": "never"}
    heard = [event("ticket.created", 0, ticket_id="1"), event("ticket.noted", 300, ticket_id="1")]
    assert fired_on(once, *heard, event("ticket.created", 700, ticket_id="1"), until=999) == [0]
    assert fired_on(once, *heard, event("ticket.created", 700.1, ticket_id="1"), until=999) == [0, 700.1]


def test_a_value_with_an_open_run_is_not_forgotten():
    silent = {"per": {"by": "properties.ticket_id"}, "when": {"silence": {"of": "ticket.noted", "for": "30d"}}, "again": "never"}
    heard = [event("ticket.noted", 0, ticket_id="1"), event("ticket.noted", 500, ticket_id="1")]
    assert lived(silent, *heard, until=999) == [(30, 500, "cleared")]


def test_the_accounts_traits_count_for_all_its_users():
    play = {**PRO, "per": "user"}
    heard = [event("user.login", 1, user="ana"), event("user.login", 1, user="bo"), plan(2, "pro")]
    assert sorted(run.subject for run in runs(play, *heard, until=9)) == ["ana", "bo"]


def test_the_same_cause_gives_the_same_id():
    heard = [nps(1, id="n1")]
    assert runs(DETRACTOR, *heard, until=9)[0].run_id == runs(DETRACTOR, *heard, until=20)[0].run_id


def test_an_account_that_begins_with_an_event_nobody_asked_for_has_no_cause():
    play = {"when": {"trait": {"account.plan": {"none_of": ["free"], "missing": True}}}}
    (run,) = runs(play, event("page.viewed", 3, traits={"started_at": "2026-01-02"}), until=4)
    assert (day_of(run.opened_at), run.event) == (3, None)
