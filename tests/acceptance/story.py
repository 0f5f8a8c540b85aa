"""Ninety days of a company's events, for a replayed log: 10,000 of them, always the same.

Five accounts need attention, one for each sample play; two are well; a crowd of others keeps the plays `crowd-*` busy. One event
of the crowd in sixteen is heard late, and one in fifty is sent twice. At the end every account hears one event at the same
instant, so that time ends at the same instant in every partition.
"""

import random
from collections.abc import Iterator
from typing import Any

from shared.instants import DAY, HOUR, MINUTE, Instant, Microseconds, parse_instant, show_instant

Item = dict[str, Any]

BEGIN = parse_instant("2026-01-01T00:00:00Z")
END = BEGIN + 90 * DAY
CROWD = [f"crowd-{number:02}" for number in range(48)]
EVENTS = 10_000


def at(day: float) -> str:
    return show_instant(BEGIN + round(day * DAY))


def each(account_id: str, name: str, every: Microseconds, begin: float, end: float, users: tuple[str, ...]) -> Iterator[Item]:
    """An event at regular intervals from day `begin` to before day `end`, by each user in turn."""
    moment, turn = BEGIN + round(begin * DAY) + HOUR, 0
    while moment < BEGIN + round(end * DAY):
        yield happened(account_id, name, moment, user_id=users[turn % len(users)])
        moment, turn = moment + every, turn + 1


def happened(account_id: str, name: str, moment: Instant, **more: Any) -> Item:
    return {"name": name, "account_id": account_id, "received_at": show_instant(moment), **more}


def known(account_id: str, day: float = 0, **traits: Any) -> Item:
    return happened(account_id, "account.updated", BEGIN + round(day * DAY), traits={"name": account_id.title(), **traits})


def samples() -> Iterator[Item]:
    """Each of the first five makes exactly one run, of one play; the last two make none."""
    yield known("northwind", plan="enterprise", owner="ana@acme.example")
    yield from each("northwind", "user.logged_in", DAY, 0, 90, ("nora",))
    # 28 exports a week, until the drop to 7 in day 70.
    yield from each("northwind", "report.exported", 6 * HOUR, 0, 70, ("nora",))
    yield from each("northwind", "report.exported", DAY, 70, 90, ("nora",))

    yield known("fernhill", 60, plan="pro", stage="onboarding", onboarding_began=at(60), owner="bo@acme.example")
    yield from each("fernhill", "user.logged_in", 2 * DAY, 60, 90, ("fay",))

    yield known("castor", plan="enterprise")
    yield from each("castor", "user.logged_in", DAY, 0, 90, ("cara",))
    yield happened("castor", "ticket.created", BEGIN + 50 * DAY, properties={"ticket_id": "T-1", "priority": "normal"})
    yield happened("castor", "ticket.created", BEGIN + 88 * DAY, id="T-2", properties={"ticket_id": "T-2", "priority": "urgent"})

    yield known("birchwood", plan="pro")
    yield from each("birchwood", "user.logged_in", DAY, 0, 90, ("bea", "ben"))
    yield happened("birchwood", "nps.answered", BEGIN + 80 * DAY, user_id="bea", properties={"score": 7})
    yield happened("birchwood", "nps.answered", BEGIN + 81 * DAY, id="N-2", user_id="ben", properties={"score": 6})

    yield known("quillon", plan="pro", renewal_date=at(150))
    yield from each("quillon", "user.logged_in", DAY, 0, 70, ("quinn",))

    yield known("harbor", plan="enterprise", renewal_date=at(100), stage="onboarding", onboarding_began=at(10))
    yield from each("harbor", "user.logged_in", DAY, 0, 90, ("hana", "hugo", "hope"))
    yield from each("harbor", "report.exported", 6 * HOUR, 11, 90, ("hana",))
    yield happened("harbor", "nps.answered", BEGIN + 80 * DAY, user_id="hana", properties={"score": 10})

    yield known("orchard", plan="free", renewal_date=at(100))
    yield from each("orchard", "report.exported", 6 * HOUR, 0, 60, ("olga",))
    yield happened("orchard", "ticket.created", BEGIN + 60 * DAY, properties={"ticket_id": "T-3", "priority": "urgent"})


SAMPLES = ("northwind", "fernhill", "castor", "birchwood", "quillon", "harbor", "orchard")


def crowd(dice: random.Random, count: int) -> Iterator[Item]:
    """Others, each with a rhythm of its own and a weakness of its own."""
    for account_id in CROWD:
        yield known(account_id, plan="crowd")
    for number in range(count - len(CROWD)):
        account_id = dice.choice(CROWD)
        moment = BEGIN + round(dice.random() ** 1.2 * 90 * DAY)
        name = dice.choices(("report.exported", "user.logged_in", "ticket.created"), (60, 37, 3))[0]
        properties = {"ticket_id": f"C-{number}", "priority": dice.choice(("high", "low"))} if name == "ticket.created" else {}
        item = happened(account_id, name, moment, user_id=f"u{dice.randrange(4)}", properties=properties)
        if dice.random() < 1 / 16:
            item["occurred_at"] = show_instant(moment - round(dice.uniform(5 * MINUTE, 4 * DAY)))
        yield item


def story() -> list[Item]:
    """All of it in the order in which it was received, with ids."""
    dice = random.Random(20260101)
    items = list(samples())
    ends = [happened(account_id, "story.ended", END) for account_id in (*SAMPLES, *CROWD)]
    items += crowd(dice, EVENTS - len(items) - len(ends))
    items.sort(key=lambda item: parse_instant(item["received_at"]))
    items += ends
    return [{"id": f"e{number:05}", **item} for number, item in enumerate(items)]


def as_sent(items: list[Item], at_once: int) -> list[list[Item]]:
    """In requests of `at_once` events, one event in fifty sent once more in a later request."""
    dice = random.Random(7)
    requests = [items[begin : begin + at_once] for begin in range(0, len(items), at_once)]
    for place in range(1, len(requests)):
        again = dice.sample(requests[place - 1], max(1, len(requests[place - 1]) // 50))
        requests[place] = again + requests[place]
    return requests
