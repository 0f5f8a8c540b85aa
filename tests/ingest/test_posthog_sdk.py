"""PostHog's own SDK for Python, with its host set to ours: both versions of its protocol."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from posthog import Posthog

from shared.clock import wall_clock
from shared.instants import SECOND, instant_of
from shared.records import Mapping
from tests.ingest.conftest import KEY, RememberedJournal

VERSIONS = pytest.mark.parametrize("version", ["v0", "v1"])


class Sdk:
    """A stock client, and what its error callback heard."""

    def __init__(self, host: str, version: str = "v0", key: str = KEY, **options: Any) -> None:
        self.errors: list[tuple[Any, list[dict[str, Any]]]] = []
        options = {"flush_interval": 0.05, "max_retries": 2, "capture_mode": version, **options}
        self.client = Posthog(key, host=host, on_error=lambda error, batch: self.errors.append((error, batch)), **options)

    def send(self) -> None:
        self.client.shutdown()


@VERSIONS
@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("sync_mode", [False, True])
def test_every_call_of_the_sdk_arrives(host: str, journal: RememberedJournal, version: str, gzip: bool, sync_mode: bool) -> None:
    sdk = Sdk(host, version, gzip=gzip, sync_mode=sync_mode)
    sdk.client.set(distinct_id="u1", properties={"email": "ana@acme.example"})
    sdk.client.group_identify("company", "acme", {"plan": "pro"}, distinct_id="u1")
    exported = sdk.client.capture("Report Exported", distinct_id="u1", properties={"pages": 12})
    sdk.client.capture("Report Exported", distinct_id="u1", groups={"company": "other"})
    sdk.client.capture("$pageview", distinct_id="u1", properties={"$set": {"role": "admin"}})
    sdk.client.capture("Docs Searched")
    sdk.client.alias(previous_id="old", distinct_id="u1")
    sdk.send()
    assert sdk.errors == []
    told = [(key, event.name, event.user_traits) for key, event in journal.records if not isinstance(event, Mapping)]  # type: ignore[union-attr]  # ingest writes no third kind
    assert told[:-1] == [
        ("user:u1", "user.updated", {"email": "ana@acme.example"}),
        ("acme", "account.updated", None),
        ("user:u1", "report.exported", None),
        ("other", "report.exported", None),
        ("user:u1", "page.viewed", {"role": "admin"}),
    ]
    assert (told[-1][0].startswith("anonymous:"), told[-1][1]) == (True, "docs.searched")
    assert (journal.events[2].id, journal.events[2].properties["pages"]) == (exported, 12)
    assert journal.events[1].traits == {"plan": "pro"}
    assert ("user:u1", Mapping(alias="user:u1", account_id="acme")) in journal.mappings
    assert ("user:old", Mapping(alias="user:old", same_as="user:u1")) in journal.mappings
    assert ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1")) in journal.mappings


@VERSIONS
def test_a_batch_arrives_whole_and_in_order(host: str, journal: RememberedJournal, version: str) -> None:
    sdk = Sdk(host, version, flush_at=15, gzip=True)
    for number in range(45):
        sdk.client.capture("Report Exported", distinct_id="u1", properties={"text": "x" * 31_000, "number": number})
    sdk.send()
    assert sdk.errors == []
    assert [event.properties["number"] for event in journal.events] == list(range(45))
    assert max(len(entries) for entries in journal.appends) == 15


@VERSIONS
def test_the_time_is_the_sdks(host: str, journal: RememberedJournal, version: str) -> None:
    moment = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    sdk = Sdk(host, version)
    sdk.client.capture("Report Exported", distinct_id="u1", timestamp=moment)
    sdk.client.capture("Report Exported", distinct_id="u1")
    sdk.send()
    given, now = (event.occurred_at for event in journal.events)
    assert given is not None
    assert now is not None
    assert abs(given - instant_of(moment)) < 30 * SECOND
    assert abs(now - wall_clock()) < 30 * SECOND


@VERSIONS
def test_a_migration_is_imported_history(host: str, journal: RememberedJournal, version: str) -> None:
    moment = datetime.now(UTC) - timedelta(days=90)  # noqa: TID251  # as its user would say it
    sdk = Sdk(host, version, historical_migration=True)
    sdk.client.capture("Report Exported", distinct_id="u1", timestamp=moment)
    sdk.send()
    (event,) = journal.events
    assert (event.imported, event.occurred_at) == (True, instant_of(moment))


@VERSIONS
def test_what_is_refused_is_heard_once_and_not_sent_again(host: str, journal: RememberedJournal, version: str) -> None:
    sdk = Sdk(host, version, flush_interval=0.3)
    good = sdk.client.capture("Report Exported", distinct_id="u1")
    bad = sdk.client.capture("?", distinct_id="u1")
    sdk.send()
    ((error, _),) = sdk.errors
    assert [event.id for event in journal.events] == [good]
    assert journal.tries == 1
    if version == "v0":
        assert error.status == 400
        assert "1 refused, 1 stored; event 1: bad_value at '/event'" in error.message
    else:
        ((uuid, details),) = error.drops
        assert (uuid, "bad_value at '/event'" in details) == (bad, True)


@VERSIONS
def test_a_wrong_key_is_an_error_that_the_sdk_shows(host: str, journal: RememberedJournal, version: str) -> None:
    sdk = Sdk(host, version, key="nobody's")
    sdk.client.capture("Report Exported", distinct_id="u1")
    sdk.send()
    ((error, _),) = sdk.errors
    assert (error.status, "a valid write key is needed" in error.message) == (401, True)
    assert journal.appends == []


@pytest.mark.slow
@VERSIONS
def test_the_sdk_sends_again_what_the_log_could_not_take(host: str, journal: RememberedJournal, version: str) -> None:
    journal.away = True
    sdk = Sdk(host, version)
    patient = sdk.client.capture("Report Exported", distinct_id="u1")
    journal.wait_until_tried()
    journal.away = False
    sdk.send()
    assert sdk.errors == []
    assert [event.id for event in journal.events] == [patient]
