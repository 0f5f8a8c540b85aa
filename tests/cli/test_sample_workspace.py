"""`examples/acme`: whenever its sample is lived through, each play opens one run, for the account that it is about."""

from functools import cache

import pytest

from services.cli.check import check
from services.cli.up.sample_file import events_of, read_sample
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from shared.instants import DAY, HOUR, Instant, parse_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, as_json
from shared.workspace.files import read_folder
from tests.cli.running import ACME

# A Monday, a weekend, the end of February, the change of a year, a day on which clocks change.
DAYS = ["2026-11-23", "2026-08-01", "2028-02-29", "2027-01-01", "2027-03-28"]
EXPECTED = [
    ("birchwood", "nps-detractor"),
    ("castor", "urgent-ticket"),
    ("fernhill", "slow-onboarding"),
    ("northwind", "usage-drop"),
    ("quillon", "quiet-renewal"),
]


@cache
def plays() -> tuple[AppliedPlay, ...]:
    checked = check(read_folder(ACME))
    assert checked.problems == []
    return tuple(AppliedPlay(play=play.name, version=1, document=play.document) for play in checked.plays)


def an_event(item: JsonObject) -> Event:
    at = parse_instant(item["received_at"])
    return Event(
        id=item["id"],
        name=item["name"],
        source="sample",
        account_id=item["account_id"],
        user_id=item.get("user_id"),
        occurred_at=at,
        received_at=at,
        properties_json=as_json(item.get("properties", {})),
        traits=item.get("traits"),
        user_traits=item.get("user_traits"),
    )


def live_through(now: Instant) -> Effects:
    events = [an_event(item) for item in events_of(read_sample((ACME / "sample.yaml").read_text()), now)]
    engine = Engine(Applied(plays=list(plays()), listening_since=events[0].received_at))
    accounts: dict[str, Account] = {}
    effects = Effects()
    for event in events:
        account = accounts.setdefault(event.account_id or "", Account(event.account_id or "", event.received_at, {}))
        engine.take(account, event, effects)
    for account in accounts.values():
        engine.pass_time(account, now + 1, effects)
    return effects


@pytest.mark.parametrize("day", DAYS)
def test_each_play_opens_one_run_at_any_hour_and_none_of_them_resolves(day: str):
    for hour in range(0, 24, 3):
        effects = live_through(parse_instant(day) + hour * HOUR + 17)
        assert sorted((run.account_id, run.play) for run in effects.opened) == EXPECTED
        assert effects.resolved == []
        assert effects.decisions == []


def test_what_happened_is_recent_enough_to_do_something_about_it():
    now = parse_instant(DAYS[0])
    opened = {run.play: (now - run.opened_at) / DAY for run in live_through(now).opened}
    assert all(days < 14 for days in opened.values()), opened
