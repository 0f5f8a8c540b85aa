"""What an event costs among a hundred plays of which five want it, against those five alone.

Twenty event names, five plays for each. Every account has had an event of each name before; what is measured are events of the
first name only, spread over the accounts, a minute apart.
"""

import gc
import time
from collections.abc import Iterator

from benchmarks.generate import BEGIN
from benchmarks.table import Result
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from shared.instants import MINUTE, Instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, as_json

NAMES = 20
MOST = 1.1


def plays_of(number: int) -> list[AppliedPlay]:
    """Five plays that want the events of one name."""
    name = f"thing-{number}.happened"
    conditions: dict[str, JsonObject] = {
        "drop": {"drop": {"of": name, "over": "7d", "baseline": "28d", "by": "40%", "floor": 20}},
        "rise": {"rise": {"of": name, "over": "7d", "baseline": "28d", "by": "40%", "floor": 20}},
        "count": {"count": {"of": name, "over": "7d", "at_least": 5}},
        "silence": {"silence": {"of": name, "for": "400d"}},
        "event": {"event": {"of": name, "where": {"properties.score": {"at_most": 6}}}},
    }
    return [_applied(f"{kind}-{number}", when) for kind, when in conditions.items()]


def _applied(name: str, when: JsonObject) -> AppliedPlay:
    return AppliedPlay(play=name, version=1, document={"play": name, "when": when})


def measure_plays_wanted(events: int, repeats: int) -> Result:
    """Microseconds an event, with a hundred plays and with five, in turns."""
    five = Engine(Applied(plays=plays_of(0)))
    hundred = Engine(Applied(plays=[play for number in range(NAMES) for play in plays_of(number)]))
    alone: list[float] = []
    among: list[float] = []
    for _ in range(repeats):
        alone.append(cost(five, events))
        among.append(cost(hundred, events))
    ratios = sorted(few / many for few, many in zip(alone, among, strict=True))
    return Result(
        what="an event among 100 plays of which 5 want it, beside those 5",
        unit="us",
        measured=sorted(among)[repeats // 2],
        floor=sorted(alone)[repeats // 2],
        ratio=ratios[repeats // 2],
        target=1 / MOST,
        repeats=repeats,
        detail={"among": among, "alone": alone, "events": events},
    )


def cost(engine: Engine, events: int) -> float:
    """Microseconds an event, of accounts that are known to all plays."""
    accounts = [Account(f"account-{number}", BEGIN, {}) for number in range(max(1, events // 200))]
    effects = Effects()
    for account in accounts:
        for name in range(NAMES):
            engine.take(account, _event(account, name, BEGIN + name, 0), effects)
    heard = list(_events(accounts, events))
    gc.collect()
    began = time.process_time()
    for account, event in heard:
        engine.take(account, event, effects)
    return (time.process_time() - began) * 1e6 / events


def _events(accounts: list[Account], events: int) -> Iterator[tuple[Account, Event]]:
    for number in range(events):
        account = accounts[number % len(accounts)]
        yield account, _event(account, 0, BEGIN + (number + 1) * MINUTE, number)


def _event(account: Account, name: int, at: Instant, number: int) -> Event:
    return Event(
        id=f"{name}-{at}",
        name=f"thing-{name}.happened",
        source="api",
        account_id=account.account_id,
        occurred_at=at,
        received_at=at,
        properties_json=as_json({"score": 7 + number % 4}),
    )
