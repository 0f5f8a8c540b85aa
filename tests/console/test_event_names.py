"""Which events were heard, and what they carry."""

from typing import Any

from shared.db.tables import event
from shared.instants import DAY, month_of, show_instant
from tests.console.conftest import NOW, Console
from tests.console.test_records import write


def heard(number: int, name: str, at: int, properties: str = "{}") -> dict[str, Any]:
    row = {
        "month": month_of(at),
        "fingerprint": number.to_bytes(16, "big"),
        "account_id": "acme",
        "source": "api",
        "id": str(number),
    }
    times = {"occurred_at": at, "received_at": at, "position": number}
    return {**row, **times, "name": name, "properties": properties, "imported": False}


async def test_names_with_their_counts_and_properties(console: Console):
    rows = [
        heard(1, "report.exported", NOW - DAY, '{"pages": 3}'),
        heard(2, "report.exported", NOW, '{"pages": 4, "format": "pdf"}'),
        heard(3, "user.left", NOW - 400 * DAY, '{"why": null}'),
    ]
    await write(console, event, *rows)
    exported, left = await console.get("/event-names")
    assert exported == {
        "name": "report.exported",
        "events": 2,
        "first_at": show_instant(NOW - DAY),
        "last_at": show_instant(NOW),
        "looked_at": 2,
        "properties": {"pages": 2, "format": 1},
    }
    assert (left["name"], left["events"], left["properties"]) == ("user.left", 1, {"why": 1})


async def test_only_the_newest_events_are_looked_at(console: Console):
    many = [heard(number, "a.b", NOW + number, '{"new": 1}' if number >= 10 else '{"old": 1}') for number in range(210)]
    await write(console, event, *many)
    [found] = await console.get("/event-names")
    assert (found["events"], found["looked_at"], found["properties"]) == (210, 200, {"new": 200})


async def test_nothing_was_heard(console: Console):
    assert await console.get("/event-names") == []
