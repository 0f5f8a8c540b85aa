"""Segment's own SDK for Python, with its host set to ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from segment.analytics.client import Client

from services.ingest.app import create_app
from services.ingest.limits.rate import Allowance
from shared.clock import wall_clock
from shared.instants import SECOND, datetime_of
from shared.records import Mapping
from tests.ingest.conftest import KEY, RememberedJournal, key_with, ring
from tests.ingest.serving import served


class Sdk:
    """A stock client, and what its error callback heard."""

    def __init__(self, host: str, key: str = KEY, **options: Any) -> None:
        self.errors: list[tuple[Any, list[dict[str, Any]]]] = []
        options = {"upload_interval": 0.05, "max_retries": 2, **options}
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
    sdk.client.page("u1", "Docs", "Home")
    sdk.client.screen("u1", "Docs", "Home")
    sdk.client.alias("old", "u1")
    if not sync_mode:
        sdk.send()
    assert sdk.errors == []
    told = [(key, event.name, event.account_id) for key, event in zip_events(journal)]
    assert told == [
        ("user:u1", "user.updated", None),
        ("acme", "account.updated", "acme"),
        ("user:u1", "report.exported", None),
        ("other", "report.exported", "other"),
        ("user:u1", "page.viewed", None),
        ("user:u1", "screen.viewed", None),
    ]
    assert ("user:u1", Mapping(alias="user:u1", account_id="acme")) in journal.mappings
    assert ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1")) in journal.mappings
    assert ("user:old", Mapping(alias="user:old", same_as="user:u1")) in journal.mappings


def zip_events(journal: RememberedJournal) -> list[tuple[str, Any]]:
    return [(key, record) for key, record in journal.records if not isinstance(record, Mapping)]


def test_batches_as_large_as_the_sdk_makes_them_arrive_whole(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host, gzip=True, upload_size=1000, upload_interval=0.5)
    for number in range(100):
        sdk.client.track("u1", "Report Exported", {"text": "x" * 32_000, "number": number})
    sdk.send()
    assert sdk.errors == []
    assert [event.properties["number"] for event in journal.events] == list(range(100))
    assert max(len(entries) for entries in journal.appends) >= 15


def test_the_time_of_a_message_is_the_sdks_but_for_the_way(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host)
    moment = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    sdk.client.track("u1", "Report Exported", timestamp=moment)
    sdk.send()
    (event,) = journal.events
    assert event.occurred_at is not None
    assert abs((datetime_of(event.occurred_at) - moment).total_seconds()) * SECOND < 30 * SECOND


def test_the_sdk_is_told_what_was_refused_and_does_not_send_it_again(host: str, journal: RememberedJournal) -> None:
    sdk = Sdk(host)
    sdk.client.track("u1", "Report Exported", message_id="good")
    sdk.client.track("u1", "?", message_id="bad")
    sdk.send()
    ((error, batch),) = sdk.errors
    assert (error.status, error.code) == (400, "refused")
    assert "message 1: bad_value at /event" in error.message
    assert [message["messageId"] for message in batch] == ["good", "bad"]
    assert [event.id for event in journal.events] == ["good"]


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
    sdk = Sdk(host)
    sdk.client.track("u1", "Report Exported", message_id="patient")
    deadline = wall_clock() + 10 * SECOND
    while sdk.client.consumers[0].rate_limited_until is None and wall_clock() < deadline:
        sdk.client.consumers[0].join(0.01)
    assert journal.appends == []
    journal.away = False
    sdk.send()
    assert sdk.errors == []
    assert [event.id for event in journal.events] == ["patient"]


@pytest.mark.slow
def test_the_sdk_waits_as_long_as_it_is_told_when_it_sends_too_fast(journal: RememberedJournal) -> None:
    refused: list[float] = []
    slow = Allowance(per_second=4, burst=4)
    with served(lambda: create_app(journal, ring((KEY, key_with())), wall_clock, CollectorRegistry(), allowance=slow)) as port:
        sdk = Sdk(f"http://127.0.0.1:{port}", upload_size=2, upload_interval=0.01)
        for number in range(8):
            sdk.client.track("u1", "Report Exported", message_id=f"m{number}")
        deadline = wall_clock() + 10 * SECOND
        while not refused and wall_clock() < deadline:
            refused += [until for until in (sdk.client.consumers[0].rate_limited_until,) if until is not None]
        sdk.send()
    assert refused
    assert sdk.errors == []
    assert sorted(event.id for event in journal.events) == [f"m{number}" for number in range(8)]
