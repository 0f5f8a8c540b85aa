from typing import Any

import httpx
import jsonschema
import pytest

from services.ingest.errors import ITEM_CODES
from tests.ingest.conftest import RememberedJournal
from tests.ingest.test_http import ONE


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    return [found for value in part for found in references(value)] if isinstance(part, list) else []


async def test_every_path_is_described(document: dict[str, Any]) -> None:
    calls = ["events", "track", "identify", "group", "page", "screen", "alias", "batch", "cloudevents"]
    posthog = ["/batch/", "/capture/", "/e/", "/i/v0/e/", "/i/v1/analytics/events"]
    paths = [*(f"/v1/{call}" for call in calls), *posthog]
    assert set(document["paths"]) == {*paths, "/livez", "/readyz", "/metrics"}
    for path in paths:
        route = document["paths"][path]["post"]
        assert set(route["responses"]) >= {"400", "401", "403", "408", "413", "415", "429", "503"}
        assert route["requestBody"]["content"]["application/json"]["schema"]
        assert all("Retry-After" in route["responses"][status]["headers"] for status in ("429", "503"))


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def shape(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


async def test_what_is_described_is_what_is_taken(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    everything = {
        **ONE,
        "user_id": 7,
        "occurred_at": "2026-03-01T09:00:00Z",
        "properties": {"a": [1]},
        "traits": {},
        "user_traits": {},
        "imported": True,
        "source": "old crm",
        "received_at": None,
        "seq": 3,
    }
    good = [ONE, everything, {"name": "a.b", "email": "a@b.example"}]
    bad = [{**ONE, "name": 3}, {**ONE, "name": ""}, {**ONE, "nonsense": 1}, {"account_id": "acme"}, {**ONE, "traits": []}]
    for item, taken in [*((item, True) for item in good), *((item, False) for item in bad)]:
        errors = list(jsonschema.Draft202012Validator(shape(document, "Item")).iter_errors(item))
        assert (not errors) is taken, item
        assert ((await client.post("/v1/events", json=item)).status_code == 202) is taken, item


async def test_what_is_described_is_what_is_answered(
    client: httpx.AsyncClient, journal: RememberedJournal, document: dict[str, Any]
) -> None:
    mixed = await client.post("/v1/events", json=[ONE, {"name": "a.b", "account_id": "acme"}, {}])
    jsonschema.validate(mixed.json(), shape(document, "Outcome"))
    jsonschema.validate((await client.post("/v1/batch", json={"batch": [{}]})).json(), shape(document, "NotDelivered"))
    journal.away = True
    for answer in (await client.post("/v1/events", json=ONE), await client.post("/v1/events", content=b"?")):
        jsonschema.validate(answer.json(), shape(document, "Problem"))
    assert set(document["components"]["schemas"]["Refusal"]["properties"]["code"]["enum"]) == set(ITEM_CODES)
