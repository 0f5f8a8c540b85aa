"""Segment's own SDK for Node, with its host set to ours."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.node import NODE, WANTED, fetch_packages
from shared.instants import SECOND, parse_instant
from shared.records import Mapping
from tests.ingest.conftest import KEY, RememberedJournal

EVERY_CALL: list[tuple[str, dict[str, Any]]] = [
    ("identify", {"userId": "u1", "traits": {"email": "ana@acme.example", "role": "admin"}}),
    ("group", {"userId": "u1", "groupId": "acme", "traits": {"plan": "pro"}}),
    ("track", {"userId": "u1", "event": "Report Exported", "properties": {"pages": 12}, "timestamp": "2026-01-05T09:30:00Z"}),
    ("track", {"userId": "u1", "event": "Report Exported", "context": {"groupId": "other"}}),
    ("track", {"anonymousId": "x9", "event": "Docs Searched"}),
    ("page", {"userId": "u1", "category": "Docs", "name": "Home"}),
    ("screen", {"userId": "u1", "name": "Home"}),
    ("alias", {"userId": "u1", "previousId": "old"}),
]


def track(number: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return "track", {"userId": "u1", "event": "Report Exported", "messageId": f"m{number}", **more}


@pytest.fixture(scope="session")
def packages() -> Path:
    return fetch_packages()


class Sdk:
    """A Node process with a stock client in it."""

    def __init__(self, packages: Path, host: str, calls: Sequence[tuple[str, dict[str, Any]]], **settings: Any) -> None:
        script = [str(NODE), str(WANTED / "segment.cjs"), str(packages)]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        with self._process.stdin as said:
            said.write(json.dumps({"settings": {"writeKey": KEY, "host": host, **settings}, "calls": calls}))
        self._process.stdin = None

    def heard(self) -> dict[str, Any]:
        """What its user heard in the end."""
        out, error = self._process.communicate(timeout=60)
        assert (self._process.returncode, error) == (0, "")
        heard: dict[str, Any] = json.loads(out)
        return heard


def test_every_call_of_the_sdk_arrives_in_one_batch(packages: Path, host: str, journal: RememberedJournal) -> None:
    heard = Sdk(packages, host, EVERY_CALL).heard()
    assert heard == {"delivered": len(EVERY_CALL), "failed": [], "errors": [], "statuses": [200]}
    assert len(journal.appends) == 1
    assert [(event.about or event.account_id, event.name) for event in journal.events] == [
        ("user:u1", "user.updated"),
        ("acme", "account.updated"),
        ("user:u1", "report.exported"),
        ("other", "report.exported"),
        ("anonymous:x9", "docs.searched"),
        ("user:u1", "page.viewed"),
        ("user:u1", "screen.viewed"),
    ]
    assert journal.events[0].user_traits == {"email": "ana@acme.example", "role": "admin"}
    assert journal.events[1].traits == {"plan": "pro"}
    assert abs((journal.events[2].occurred_at or 0) - parse_instant("2026-01-05T09:30:00Z")) < 30 * SECOND
    assert journal.events[5].properties == {"category": "Docs", "name": "Home"}
    assert ("user:u1", Mapping(alias="user:u1", account_id="acme")) in journal.mappings
    assert ("user:old", Mapping(alias="user:old", same_as="user:u1")) in journal.mappings
    assert ("email:ana@acme.example", Mapping(alias="email:ana@acme.example", same_as="user:u1")) in journal.mappings


def test_its_batches_arrive_whole_however_large_the_messages(packages: Path, host: str, journal: RememberedJournal) -> None:
    calls = [track(number, properties={"text": "x" * 32_000}) for number in range(40)]
    heard = Sdk(packages, host, calls).heard()
    assert (heard["delivered"], heard["errors"], heard["statuses"]) == (40, [], [200, 200, 200])
    assert sorted(event.id for event in journal.events) == sorted(f"m{number}" for number in range(40))
    assert sorted(len(entries) for entries in journal.appends) == [10, 15, 15]


def test_what_is_refused_is_an_error_to_its_user_and_not_sent_again(
    packages: Path, host: str, journal: RememberedJournal
) -> None:
    heard = Sdk(packages, host, [track(1), track(2, event="?")]).heard()
    assert (heard["statuses"], heard["delivered"], heard["failed"]) == ([400], 0, ["m1", "m2"])
    assert heard["errors"] == [{"code": "delivery_failure", "reason": "Error: [400] Bad Request"}] * 2
    # It cannot say which: what was good is stored all the same.
    assert [event.id for event in journal.events] == ["m1"]


def test_a_wrong_key_is_an_error_to_its_user(packages: Path, host: str, journal: RememberedJournal) -> None:
    heard = Sdk(packages, host, [track(1)], writeKey="nobody's").heard()
    assert (heard["statuses"], heard["failed"], journal.tries) == ([401], ["m1"], 0)


@pytest.mark.slow
def test_it_sends_again_what_the_log_could_not_take(packages: Path, host: str, journal: RememberedJournal) -> None:
    journal.away = True
    sdk = Sdk(packages, host, [track(1), track(2)])
    journal.wait_until_tried(2)
    journal.away = False
    heard = sdk.heard()
    assert (heard["statuses"][:2], heard["statuses"][-1], heard["delivered"]) == ([503, 503], 200, 2)
    assert (heard["failed"], [event.id for event in journal.events]) == ([], ["m1", "m2"])
