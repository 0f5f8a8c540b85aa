"""Silence: something has not happened for a while."""

from tests.rules.timeline import event, fired_on, lived, runs

SILENCE_14D = {"when": {"silence": {"of": "user.login", "for": "14d"}}}
SINCE_START = {"when": {"silence": {"of": "user.login", "for": "14d", "since": "start"}}}


def login(day, **more):
    return event("user.login", day, **more)


def test_fires_once_when_the_limit_passes():
    #  day 0          14 ............ 40
    #  login ──────── fire ────────── silent
    assert fired_on(SILENCE_14D, login(0), until=40) == [14]


def test_is_strict_at_the_limit():
    # A log-in exactly fourteen days later is in time.
    assert fired_on(SILENCE_14D, login(0), login(14), until=27) == []
    assert fired_on(SILENCE_14D, login(0), login(14), until=28) == [28]


def test_activity_restarts_the_clock():
    assert fired_on(SILENCE_14D, login(0), login(13), until=26) == []
    assert fired_on(SILENCE_14D, login(0), login(13), until=27) == [27]


def test_activity_clears_the_run():
    assert lived(SILENCE_14D, login(0), login(20), until=30) == [(14, 20, "cleared")]


def test_a_late_event_counts_from_when_it_happened():
    assert fired_on(SILENCE_14D, login(0), login(5, heard=10), until=40) == [19]
    assert fired_on(SILENCE_14D, login(8), login(5, heard=10), until=40) == [22]


def test_never_is_unknown_unless_it_counts_from_the_start():
    other = event("ticket.created", 2)
    assert fired_on(SILENCE_14D, other, until=40) == []
    assert fired_on(SINCE_START, other, until=40) == [16]


def test_a_first_event_that_comes_late_may_end_what_is_unknown():
    start = event("account.updated", 20, traits={"renewal_date": "2026-02-10"})
    assert fired_on(SINCE_START, start, login(5, heard=21), until=30) == [21]
    renewing = {"when": {"all": [{"date": {"of": "account.renewal_date", "before": "60d"}}, SILENCE_14D["when"]]}}
    assert fired_on(renewing, start, login(5, heard=21), until=30) == [21]
    assert fired_on(renewing, start, login(21), until=38) == [35]


def test_counts_from_when_the_name_is_listened_to():
    other = event("ticket.created", 2)
    later = {"user.login": other.received_at + 3 * 86_400_000_000}
    assert fired_on(SINCE_START, other, until=40, listening=later) == [19]


def test_says_how_long():
    (run,) = runs(SILENCE_14D, login(0), until=20)
    assert run.evidence == {"last_seen": "2026-01-01T00:00:00Z", "silent_days": 14.0}


def test_a_start_that_is_told_later_counts_from_then_on():
    told = event("account.updated", 25, traits={"started_at": "2026-01-01"})
    assert fired_on(SINCE_START, event("ticket.created", 20), told, until=40) == [25]
    told_of_later = event("account.updated", 25, traits={"started_at": "2026-01-19"})
    assert fired_on(SINCE_START, event("ticket.created", 20), told_of_later, until=40) == [32]
