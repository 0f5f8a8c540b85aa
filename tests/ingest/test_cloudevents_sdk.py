"""CloudEvents' own SDK for Python makes the requests."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary as older_to_binary
from cloudevents.v1.conversion import to_structured as older_to_structured
from cloudevents.v1.http import CloudEvent as OlderCloudEvent

from shared.instants import instant_of
from tests.ingest.conftest import RememberedJournal

Write = Callable[[CloudEvent, JSONFormat], HTTPMessage]
WHEN = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)


def event(data: object = None, **more: object) -> CloudEvent:
    attributes = {
        "id": "e1",
        "source": "/reports",
        "type": "com.acme.report.exported.v1",
        "time": WHEN,
        "accountid": "acme",
        **more,
    }
    return CloudEvent(attributes=attributes, data=data)  # type: ignore[arg-type]  # it takes any JSON value


async def sent(client: httpx.AsyncClient, message: HTTPMessage) -> int:
    return (await client.post("/v1/cloudevents", content=message.body, headers=message.headers)).status_code


@pytest.mark.parametrize("write", [to_structured, to_binary])
async def test_what_the_sdk_sends_is_what_is_stored(client: httpx.AsyncClient, journal: RememberedJournal, write: Write) -> None:
    assert await sent(client, write(event({"pages": 12}, userid="u7", datacontenttype="application/json"), JSONFormat())) == 202
    (stored,) = journal.events
    assert (stored.id, stored.source, stored.name) == ("e1", "/reports", "com.acme.report.exported.v1")
    assert (stored.account_id, stored.user_id, stored.properties) == ("acme", "u7", {"pages": 12})
    assert stored.occurred_at == instant_of(WHEN)


@pytest.mark.parametrize("write", [to_structured, to_binary])
async def test_text_bytes_and_extensions_survive(client: httpx.AsyncClient, journal: RememberedJournal, write: Write) -> None:
    note = 'Euro € 😀 "100%"'
    assert await sent(client, write(event("a;b", datacontenttype="text/csv", note=note), JSONFormat())) == 202
    assert await sent(client, write(event(b"\xff\x00", datacontenttype="application/x-tar"), JSONFormat())) == 202
    assert [stored.properties for stored in journal.events] == [
        {"data": "a;b", "cloudevent": {"datacontenttype": "text/csv", "note": note}},
        {"data_base64": "/wA=", "cloudevent": {"datacontenttype": "application/x-tar"}},
    ]


async def test_a_batch_of_its_events(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    written = [json.loads(JSONFormat().write(event({"number": number}, id=f"e{number}"))) for number in range(3)]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = await client.post("/v1/cloudevents", content=json.dumps(written), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    assert [stored.properties["number"] for stored in journal.events] == [0, 1, 2]


async def test_the_older_interface_of_the_sdk(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    for number, write in enumerate((older_to_structured, older_to_binary)):
        attributes = {"id": f"e{number}", "source": "urn:acme", "type": "report.exported", "subject": "acme"}
        headers, body = write(OlderCloudEvent(attributes, {"pages": number}))
        assert (await client.post("/v1/cloudevents", content=body, headers=headers)).status_code == 202
    assert [(stored.account_id, stored.properties) for stored in journal.events] == [
        ("acme", {"pages": 0}),
        ("acme", {"pages": 1}),
    ]
