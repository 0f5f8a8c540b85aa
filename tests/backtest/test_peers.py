"""A backtest of plays that compare with peers finds what live engines would, and lets accounts end."""

from pathlib import Path

from tests.backtest.story import ask, at, event
from tests.rules.compared import side_by_side
from tests.rules.timeline import applied
from tests.rules.timeline import event as heard

BEHIND = "{of: x.done, measure: days, over: 2d, peers: all, at_most: 40%}"
PLAY = f"{{play: behind, again: every time, when: {{behind: {BEHIND}}}}}"
FORM = {"of": "x.done", "measure": "days", "over": "2d", "peers": "all", "at_most": "40%"}
RHYTHMS = {"acme": range(3), "bolt": range(14), "crag": range(0, 14, 3), "dune": range(0, 14, 2)}


def test_the_same_runs_as_by_engines_side_by_side(tmp_path: Path):
    events = [event("x.done", day + 0.5, name) for name, days in RHYTHMS.items() for day in days]
    _, followed = ask(tmp_path, [PLAY], events)
    backtested = {(run.opened.account_id, run.opened.opened_at - at(0), run.opened.evidence["peers"]) for run in followed.runs}
    log = [heard("x.done", day + 0.5, account=name) for name, days in RHYTHMS.items() for day in days]
    record = applied({"when": {"behind": FORM}, "again": "every time"}, since=log[0].received_at)
    effects = side_by_side(record, log, log[0].received_at - 43_200_000_000 + at(13.5) - at(0), 2)
    live = {
        (run.account_id, run.opened_at - log[0].received_at + 43_200_000_000, run.evidence["peers"]) for run in effects.opened
    }
    assert backtested == live
    assert {account for account, *_ in live} == {"acme", "crag"}


def test_who_has_ended_is_nobodys_peer(tmp_path: Path):
    #  acme is quiet after day 2, bolt and crag do it every day; dune never does, and ends on day 4
    events = [event("x.done", day + 0.5, name) for name, days in {"acme": range(3), "bolt": range(12)}.items() for day in days]
    events += [event("x.seen", 0.5, "dune")]
    accounts = "account_id,ends_at\ndune,2026-01-09T00:00:00Z\n"
    _, followed = ask(tmp_path, [PLAY], events, accounts=accounts)
    averages = {run.opened.account_id: run.opened.evidence["peers"] for run in followed.runs}
    # Of three on day 3 (its end is dune's), of two on day 4.
    assert averages["acme"] == 0.833333
    assert averages["dune"] == 1.333333
