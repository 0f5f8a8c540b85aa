"""RudderStack's own SDK for Python, with its data plane set to ours: it speaks Segment's `/v1/batch`."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rudderstack.analytics.client import Client

from shared.instants import SECOND, instant_of
from shared.records import Mapping
from tests.ingest.conftest import KEY, RememberedJournal


class Sdk:
    """A stock client, and what its error callback heard."""

    def __init__(self, host: str, key: str = KEY, **options: Any) -> None:
        self.errors: list[tuple[Any, list[dict[str, Any]]]] = []
        options = {"upload_interval": 0.05, "max_retries": 3, **options}
        self.client = Client(key, host=host, on_error=lambda error, batch: self.errors.append((error, batch)), **options)

    def send(self) -> None:
        self.client.shutdown()


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("sync_mode", [False, True])
def test_every_call_of_the_sdk_arrives(host: str, journal: RememberedJournal, gzip: bool, sync_mode: bool) -> None:
    sdk = Sdk(host, gzip=gzip, sync_mode=sync_mode)
    sdk.client.identify("u1", {"email": "ana@acme.example", "role": "admin"})
    sdk.client.group("u1", "acme", {"plan": "pro"})
    sdk.client.track("u1", "Report Exported", {"pages": 12})
    sdk.client.track("u1", "Report Exported", {"pages": 3}, context={"groupId": "other"})
    sdk.client.track(anonymous_id="x9", event="Docs Searched")
    sdk.client.page("u1", "Docs", "Home")
    sdk.client.screen("u1", "Docs", "Home")
    sdk.client.alias("old", "u1")
    if not sync_mode:
        sdk.send()
    assert sdk.errors == []
    assert [(event.about or event.account_id, event.name) for event in journal.events] == [
        ("user:u1", "user.updated"),
        ("acme", "account.updated"),
        ("user:u1", "report.exported"),
        ("other", "report.exported"),
        ("anonymous:x9", "docs.searched"),
        ("user:u1", "page.viewed"),
        ("user:u1", "screen.viewed"),
    ]
    # This SDK has them in the context.
    assert journal.events[0].user_traits == {"email": "ana@acme.example", "role": "admin"}
    assert journal.events[1].traits == {"plan": "pro"}
    assert journal.events[5].properties == {"category": "Docs", "name": "Home"}
    assert ("user:u1", Mapping(alias="user:u1", account_id="acme")) in journal.mappings
    assert ("user:old", Mapping(alias="user:old", same_as="user:u1")) in journal.mappings
    assert ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1")) in journal.mappings


def test_batches_arrive_whole_and_in_order(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host, upload_size=15, upload_interval=0.5)
    for number in range(45):
        sdk.client.track("u1", "Report Exported", {"text": "x" * 31_000, "number": number})
    sdk.send()
    assert sdk.errors == []
    assert [event.properties["number"] for event in journal.events] == list(range(45))
    assert max(len(entries) for entries in journal.appends) == 15


def test_the_time_of_a_message_is_the_sdks_but_for_the_way(host: str, journal: RememberedJournal) -> None:
    moment = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    sdk = Sdk(host)
    sdk.client.track("u1", "Report Exported", timestamp=moment, message_id="m1")
    sdk.send()
    (event,) = journal.events
    assert (event.id, event.occurred_at is not None) == ("m1", True)
    assert abs((event.occurred_at or 0) - instant_of(moment)) < 30 * SECOND


def test_what_is_refused_is_heard_once_and_not_sent_again(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host, upload_interval=0.3)
    sdk.client.track("u1", "Report Exported", message_id="good")
    sdk.client.track("u1", "?", message_id="bad")
    sdk.send()
    ((error, batch),) = sdk.errors
    assert (error.status, error.code) == (400, "refused")
    assert "message 1: bad_value at /event" in error.message
    assert [message["messageId"] for message in batch] == ["good", "bad"]
    assert [event.id for event in journal.events] == ["good"]
    assert journal.tries == 1


def test_a_wrong_key_is_an_error_that_the_sdk_shows(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host, key="nobody's")
    sdk.client.track("u1", "Report Exported")
    sdk.send()
    ((error, _),) = sdk.errors
    assert (error.status, error.code) == (401, "unauthorized")
    assert journal.appends == []


@pytest.mark.slow
def test_the_sdk_sends_again_what_the_log_could_not_take(host: str, journal: RememberedJournal) -> None:
    journal.away = True
    sdk = Sdk(host, max_retries=10)
    sdk.client.track("u1", "Report Exported", message_id="patient")
    journal.wait_until_tried(2)
    journal.away = False
    sdk.send()
    assert sdk.errors == []
    assert [event.id for event in journal.events] == ["patient"]
