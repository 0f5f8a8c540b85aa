"""A day of log time in which nobody sends anything: many idle accounts, twenty plays of every kind.

The documents rest as JSON, as they do in the database, in the order of their deadlines. Those with a deadline in the day are
read, take it, and are written again; nobody looks at the others. `floor` is how many of them came to another verdict, a run or
a decision: a deadline may be early, and costs for nothing when it is.
"""

import time
from bisect import bisect_left
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import NamedTuple

from ruamel.yaml import YAML

from benchmarks.generate import BEGIN
from benchmarks.table import Result
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import ITSELF, Account, Document, decode_document, encode_document
from shared.instants import DAY, Instant, show_instant
from shared.records import Applied, AppliedPlay, Event, JsonObject, as_json

# When the day begins; the last event of the liveliest account is two months older.
TODAY: Instant = BEGIN + 180 * DAY
SILENT_FOR = 60 * DAY
NAMES = ("user.login", "report.exported", "ticket.created", "ticket.solved", "nps.answered")


class Life(NamedTuple):
    """What was stored of an account when its day begins."""

    next_deadline: Instant
    traits: JsonObject
    document: bytes


def applied_plays() -> Applied:
    """The twenty plays of `idle.yaml`."""
    conditions = YAML(typ="safe", pure=True).load(Path(__file__).with_name("idle.yaml").read_text())
    documents = [{"play": name, **play} for name, play in conditions.items()]
    return Applied(plays=[AppliedPlay(play=document["play"], version=1, document=document) for document in documents])


def measure_idle(accounts: int, different: int = 500) -> Result:
    """How many of so many idle accounts, of so many different lives, are looked at in a day, and what one of them costs."""
    engine = Engine(applied_plays())
    lives = [_live(engine, Random(f"idle {number}")) for number in range(different)]
    lives.sort(key=attrgetter("next_deadline"))
    resting = [life for life in lives for _ in range(accounts // different)]
    due = resting[: bisect_left(resting, TODAY + DAY, key=attrgetter("next_deadline"))]
    changed, effects = 0, Effects()
    began = time.process_time()
    for number, life in enumerate(due):
        changed += _pass_day(engine, f"account-{number}", life, effects)
    seconds = time.process_time() - began
    return Result(
        what=f"of {len(resting):,} idle accounts, 20 plays, looked at in a day, beside those with something to decide",
        unit="accounts",
        measured=len(due),
        floor=changed,
        ratio=changed / len(due) if due else 1.0,
        repeats=1,
        detail={"seconds": seconds, "us_for_each": seconds * 1e6 / max(1, len(due)), "accounts": len(resting)},
    )


def _live(engine: Engine, random: Random) -> Life:
    """One account from its first event to the day, which it does not send anything in, nor in two months before it."""
    start = BEGIN + random.randrange(60) * DAY
    end = start + int((TODAY - SILENT_FOR - start) * random.random())
    account, effects = Account("one", start, {}), Effects()
    moments = sorted(random.randrange(start, end + 1) for _ in range(random.randrange(5, 100)))
    traits: JsonObject | None = {
        "plan": random.choice(("starter", "pro", "enterprise")),
        "renewal_date": show_instant(start + random.randrange(60, 425) * DAY),
        "onboarded_at": show_instant(start + random.randrange(DAY)),
    }
    for number, at in enumerate(moments):
        engine.take(account, _event(random, number, at, traits), effects)
        traits = None
    engine.pass_time(account, TODAY, effects)
    document = account.subjects[ITSELF]
    deadline = document.next_deadline
    return Life(TODAY + 10_000 * DAY if deadline is None else deadline, account.traits, encode_document(document))


def _event(random: Random, number: int, at: Instant, traits: JsonObject | None) -> Event:
    properties = {"ticket_id": f"t{number // 2}", "priority": random.choice(("low", "urgent")), "score": random.randrange(11)}
    return Event(
        id=f"e{number}",
        name=random.choice(NAMES),
        source="api",
        account_id="one",
        user_id=f"u{number % 5}",
        occurred_at=at,
        received_at=at,
        properties_json=as_json(properties),
        traits=traits,
    )


def _pass_day(engine: Engine, account_id: str, life: Life, effects: Effects) -> bool:
    """Read it, take its deadlines of the day, write it; whether it made a difference."""
    account = Account(account_id, BEGIN, life.traits)
    document = account.subjects[ITSELF] = decode_document(life.document)
    before = _known(document), len(effects.opened), len(effects.resolved), len(effects.decisions)
    engine.pass_time(account, TODAY + DAY, effects)
    encode_document(document)
    return before != (_known(document), len(effects.opened), len(effects.resolved), len(effects.decisions))


def _known(document: Document) -> list[bool]:
    return [state.known for state in document.plays.values()]
