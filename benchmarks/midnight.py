"""A local midnight of accounts with a drop play, against as many events.

Every account exported three reports a day until now, and is old enough to be judged. An account is made from the document of one
that lived so. They begin on different days, so that at any midnight some are looked at: those that would have dropped there if
nothing more had come.
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

DAYS = 50
BEGINNINGS = 7  # days on which accounts began
# Midnight in Berlin, in winter.
MIDNIGHT: Instant = BEGIN + DAYS * DAY - HOUR
AT_ONCE = 10_000
PLAY = {
    "play": "usage-drop",
    "timezone": "Europe/Berlin",
    "when": {"drop": {"of": "report.exported", "over": "7d", "baseline": "28d", "by": "40%", "floor": 20}},
}


def measure_midnight(accounts: int, repeats: int) -> Result:
    """Microseconds that midnight takes for an account, due or not, and those of an event just after it."""
    engine = Engine(Applied(plays=[AppliedPlay(play="usage-drop", version=1, document=PLAY)]))
    midnights: list[float] = []
    events: list[float] = []
    due = 0
    for _ in range(repeats):
        lived = _accounts(engine, accounts)
        due = sum(account.subjects[ITSELF].next_deadline == MIDNIGHT for account in lived)
        gc.collect()
        midnights.append(_pass_midnight(engine, lived) * 1e6 / accounts)
        events.append(_hear_all(engine, lived) * 1e6 / accounts)
    ratios = sorted(event / midnight for event, midnight in zip(events, midnights, strict=True))
    return Result(
        what=f"a midnight of {accounts:,} accounts with a drop, for each of them, beside an event",
        unit="us",
        measured=sorted(midnights)[repeats // 2],
        floor=sorted(events)[repeats // 2],
        ratio=ratios[repeats // 2],
        target=1,
        repeats=repeats,
        detail={"midnight": midnights, "event": events, "accounts": accounts, "due": due},
    )


def _accounts(engine: Engine, number: int) -> list[Account]:
    """So many accounts just before midnight."""
    documents = [_lived(engine, BEGIN + day * DAY) for day in range(BEGINNINGS)]
    accounts = []
    for place in range(number):
        account = Account(f"account-{place}", BEGIN, {})
        account.subjects[ITSELF] = decode_document(documents[place % BEGINNINGS])
        account.begun = True
        accounts.append(account)
    return accounts


def _lived(engine: Engine, began: Instant) -> bytes:
    """The document of an account that began then."""
    one, effects = Account("one", began, {}), Effects()
    for at in range(began, MIDNIGHT, 8 * HOUR):
        engine.take(one, _export("one", at), effects)
    assert one.subjects[ITSELF].next_deadline is not None, "it has nothing to decide"
    return encode_document(one.subjects[ITSELF])


def _pass_midnight(engine: Engine, accounts: list[Account]) -> float:
    effects = Effects()
    began = time.process_time()
    for account in accounts:
        engine.pass_time(account, MIDNIGHT + 1, effects)
    seconds = time.process_time() - began
    after = {account.subjects[ITSELF].next_deadline for account in accounts}
    assert min(at for at in after if at is not None) > MIDNIGHT, "the midnight was not decided"
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
