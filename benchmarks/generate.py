"""A generated log: the same for the same arguments, on every machine.

1,000,000 events of 10,000 accounts over 90 days by default. Accounts are of very different sizes (Zipf), start at different
times, and a fifth of them fades, so that every play has something to find. Six event names; one event in a hundred is late.
"""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

from shared.instants import DAY, HOUR, Instant, Microseconds, parse_instant
from shared.records import Event, JsonObject, as_json, encode

BEGIN: Instant = parse_instant("2026-01-01T00:00:00Z")
PERIOD: Microseconds = 90 * DAY

# What a hundred events of an account are.
SHARES = {
    "page.viewed": 45,
    "user.login": 20,
    "report.exported": 25,
    "ticket.created": 5,
    "ticket.solved": 4,
    "nps.answered": 1,
}
NAMES = list(SHARES)
_STEPS = list(accumulate(SHARES.values()))
PLANS = ("starter", "pro", "enterprise")
PRIORITIES = ("low", "normal", "high", "urgent")


def sizes(events: int, accounts: int) -> list[int]:
    """How many events each account sends: proportional to 1 / rank, at least one, `events` in all."""
    weight = sum(1 / rank for rank in range(1, accounts + 1))
    counts = [max(1, int(events / weight / rank)) for rank in range(1, accounts + 1)]
    counts[0] += events - sum(counts)
    return counts


def write_log(path: Path, events: int = 1_000_000, accounts: int = 10_000, seed: int = 20260101) -> None:
    """Write the log to `path`, one `Event` record a line in the order of its `received_at`, complete or not at all."""
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as out:
        for event in generate(events, accounts, seed):
            out.write(encode(event))
            out.write(b"\n")
    partial.rename(path)


def generate(events: int, accounts: int, seed: int = 20260101) -> Iterator[Event]:
    """The events, in the order of (`received_at`, number)."""
    random = Random(seed)
    moments = sorted(
        (received, rank) for rank, count in enumerate(sizes(events, accounts)) for received in _moments(random, count)
    )
    met: set[int] = set()
    for number, (received, rank) in enumerate(moments):
        yield _event(random, number, rank, received, traits=None if rank in met else {"plan": PLANS[rank % 3]})
        met.add(rank)


def _moments(random: Random, count: int) -> list[Instant]:
    """When one account's events are received: evenly from its start on, or, where it fades, mostly before a day of its own."""
    start = BEGIN + int(PERIOD / 2 * random.random() * random.random() * random.random())
    length = BEGIN + PERIOD - start
    fades_at = random.uniform(0.5, 0.95) if random.random() < 0.2 else 1.0
    return [start + int(length * random.random() * (fades_at if random.random() < 0.95 else 1.0)) for _ in range(count)]


def _event(random: Random, number: int, rank: int, received: Instant, traits: JsonObject | None) -> Event:
    name = NAMES[bisect(_STEPS, random.random() * 100)]
    late = int(random.random() * 12 * HOUR) if random.random() < 0.01 else int(random.random() * 2_000_000)
    return Event(
        id=f"event-{number}",
        name=name,
        source="api",
        account_id=f"account-{rank}",
        user_id=f"user-{rank}-{number % 7}",
        occurred_at=received - late,
        received_at=received,
        properties_json=as_json(_properties(random, name, number)),
        traits=traits,
    )


def _properties(random: Random, name: str, number: int) -> JsonObject:
    if name.startswith("ticket."):
        return {"ticket_id": f"t{number}", "priority": random.choice(PRIORITIES), "topic": "billing"}
    if name == "nps.answered":
        return {"score": random.randrange(11), "comment": "as generated"}
    if name == "report.exported":
        return {"format": "pdf", "pages": random.randrange(1, 40)}
    return {"path": f"/home/{number % 50}"}
