"""How large the document of a subject is: JSON as it is stored, with the four plays of `plays/`, after the generated log."""

from pathlib import Path
from statistics import median

import msgspec

from benchmarks.engine import applied_plays, chunks
from benchmarks.table import Result
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account, encode_document
from shared.records import Event

ACTIVE = 100  # events: one that wrote more than once a day
MOST = 1_500  # bytes


def measure_documents(log: Path) -> list[Result]:
    """Bytes of the documents of active accounts: the median, the largest."""
    sizes = sorted(document_sizes(log))
    return [_result("the median", median(sizes), len(sizes)), _result("the largest", sizes[-1], len(sizes))]


def document_sizes(log: Path) -> list[int]:
    """Of each active account, in bytes."""
    engine, effects, accounts = Engine(applied_plays()), Effects(), dict[str, Account]()
    events: dict[str, int] = {}
    decode = msgspec.json.Decoder(Event).decode_lines
    for chunk in chunks(log):
        for event in decode(chunk):
            account_id = event.account_id or ""
            if account_id not in accounts:
                accounts[account_id] = Account(account_id, event.received_at, {})
            events[account_id] = events.get(account_id, 0) + 1
            engine.take(accounts[account_id], event, effects)
    return [
        len(encode_document(account.subjects[ITSELF])) for account in accounts.values() if events[account.account_id] >= ACTIVE
    ]


def _result(which: str, size: float, accounts: int) -> Result:
    return Result(
        what=f"document of an active account, {which}",
        unit="bytes",
        measured=size,
        floor=MOST,
        ratio=MOST / size,
        target=1,
        repeats=1,
        detail={"accounts": accounts},
    )
