"""One local midnight at which every account has a drop to decide, against as many events.

Every account exported three reports a day until now, so that each is looked at at midnight. An account is made from the
document of one that lived through it.
"""

import gc
import time
from collections.abc import Iterator

import msgspec

from benchmarks.generate import BEGIN
from benchmarks.table import Result
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account, decode_document, encode_document
from shared.instants import DAY, HOUR, Instant
from shared.records import Applied, AppliedPlay, Event, encode

DAYS = 40
# Midnight in Berlin, in winter.
MIDNIGHT: Instant = BEGIN + DAYS * DAY - HOUR
AT_ONCE = 10_000
PLAY = {
    "play": "usage-drop",
    "timezone": "Europe/Berlin",
    "when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "40%", "floor": 20}},
}


def measure_midnight(accounts: int, repeats: int) -> Result:
    """Microseconds of a deadline at midnight, and of an event just after it, of so many accounts."""
    engine = Engine(Applied(plays=[AppliedPlay(play="usage-drop", version=1, document=PLAY)]))
    deadlines: list[float] = []
    events: list[float] = []
    for _ in range(repeats):
        lived = _accounts(engine, accounts)
        gc.collect()
        deadlines.append(_pass_midnight(engine, lived) * 1e6 / accounts)
        events.append(_hear_all(engine, lived) * 1e6 / accounts)
    ratios = sorted(event / deadline for event, deadline in zip(events, deadlines, strict=True))
    return Result(
        what=f"a drop's deadline at the midnight of {accounts:,} accounts, beside an event",
        unit="us",
        measured=sorted(deadlines)[repeats // 2],
        floor=sorted(events)[repeats // 2],
        ratio=ratios[repeats // 2],
        target=1,
        repeats=repeats,
        detail={"deadline": deadlines, "event": events, "accounts": accounts},
    )


def _accounts(engine: Engine, number: int) -> list[Account]:
    """So many accounts just before midnight."""
    one, effects = Account("one", BEGIN, {}), Effects()
    for export in range(DAYS * 3 - 1):
        engine.take(one, _export("one", BEGIN + export * 8 * HOUR), effects)
    assert one.subjects[ITSELF].next_deadline == MIDNIGHT, "it has nothing to decide at midnight"
    document = encode_document(one.subjects[ITSELF])
    accounts = []
    for place in range(number):
        account = Account(f"account-{place}", BEGIN, {})
        account.subjects[ITSELF] = decode_document(document)
        account.begun = True
        accounts.append(account)
    return accounts


def _pass_midnight(engine: Engine, accounts: list[Account]) -> float:
    effects = Effects()
    began = time.process_time()
    for account in accounts:
        engine.pass_time(account, MIDNIGHT + 1, effects)
    seconds = time.process_time() - began
    after = {account.subjects[ITSELF].next_deadline for account in accounts}
    assert after == {MIDNIGHT + DAY}, "the midnight was not decided"
    return seconds


def _hear_all(engine: Engine, accounts: list[Account]) -> float:
    """An export of each, as a line that is decoded."""
    decode, effects, seconds = msgspec.json.Decoder(Event).decode_lines, Effects(), 0.0
    for some, lines in _exports(accounts):
        began = time.process_time()
        for account, event in zip(some, decode(lines), strict=True):
            engine.take(account, event, effects)
        seconds += time.process_time() - began
    return seconds


def _exports(accounts: list[Account]) -> Iterator[tuple[list[Account], bytes]]:
    for first in range(0, len(accounts), AT_ONCE):
        some = accounts[first : first + AT_ONCE]
        yield some, b"\n".join(encode(_export(account.account_id, MIDNIGHT + HOUR)) for account in some)


def _export(account_id: str, at: Instant) -> Event:
    return Event(id=f"e{at}", name="report.exported", source="api", account_id=account_id, occurred_at=at, received_at=at)
