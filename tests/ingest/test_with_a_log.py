"""Ingest on the real logs: what is answered with 202 can be read back."""

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from shared import topics
from shared.clock import wall_clock
from shared.instants import SECOND
from shared.log.contract import Log, Record, partition_of
from shared.records import Event, Mapping, decode_events_record
from tests.ingest.conftest import KEY, key_with, ring


async def from_the_start(partitions: frozenset[int]) -> dict[int, int]:
    return dict.fromkeys(partitions, 0)


async def nothing(partitions: frozenset[int]) -> None:
    pass


async def read(log: Log, count: int) -> list[Record]:
    found: list[Record] = []
    deadline = wall_clock() + 30 * SECOND
    async with log.subscribe(topics.EVENTS, "test", from_the_start, nothing) as subscription:
        while len(found) < count and wall_clock() < deadline:
            for records in (await subscription.poll(max_records=1000, wait=0.2)).values():
                found.extend(records)
    return found


async def test_what_was_answered_is_in_the_log_in_its_order(log: Log) -> None:
    app = create_app(log, ring((KEY, key_with())), wall_clock, CollectorRegistry())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://ingest", headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        sent = [{"id": str(number), "name": "a.b", "account_id": f"acme-{number % 7}"} for number in range(500)]
        assert (await client.post("/v1/events", json=sent)).json()["accepted"] == 500
        assert (await client.post("/v1/group", json={"userId": "u1", "groupId": "acme-1", "messageId": "m1"})).status_code == 200
        assert (await client.post("/v1/track", json={"userId": "u1", "event": "a.b", "messageId": "m2"})).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
    records = await read(log, 503)
    assert len(records) == 503
    partitions = await log.partitions(topics.EVENTS)
    assert all(record.partition == partition_of(record.key, partitions) for record in records)
    told = [decode_events_record(record.value) for record in records]
    events = [event for event in told if isinstance(event, Event) and event.id.isdecimal()]
    for number in range(7):
        ids = [int(event.id) for event in events if event.account_id == f"acme-{number}"]
        assert ids == list(range(number, 500, 7))
    of_user = [type(decode_events_record(record.value)) for record in records if record.key == "user:u1"]
    assert of_user == [Mapping, Event]
