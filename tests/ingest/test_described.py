"""schemathesis sends what our OpenAPI document allows, and what it does not: no 500, and no answer that is not described."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from prometheus_client import CollectorRegistry
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.ingest.app import create_app
from services.ingest.limits.rate import Allowance
from services.ingest.receiving.configured import ConfiguredSources
from shared.records import JsonObject
from tests.ingest.conftest import KEY, NOW, key_with, ring
from tests.ingest.fuzz.mutations import usual
from tests.ingest.sources.sending import SourcesJournal, document
from tests.ingest.sources.test_conformance import VENDORS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def api(tmp_path: Path) -> Any:
    """Ingest with every kind of source configured, whose bodies need no more than that the address is known."""
    written: JsonObject = {"sources": {}}
    for vendor in VENDORS.values():
        written["sources"] |= document(vendor, tmp_path)["sources"]

    async def newest(known: int) -> tuple[int, JsonObject] | None:
        return None if known else (1, written)

    keys = ring((KEY, key_with()))
    app = create_app(
        SourcesJournal(),
        keys,
        lambda: NOW,
        CollectorRegistry(),
        allowance=Allowance(50, 50),
        configured=ConfiguredSources(newest),
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def described_bodies(operation: Any) -> bool:
    """Whether there is a body, and one that could be wrong."""
    content = operation.definition.raw.get("requestBody", {}).get("content", {})
    return any(media.get("schema") for media in content.values())


def test_no_answer_is_a_500_or_one_that_is_not_described(api: Any) -> None:
    asked = 0
    for operation in [found.ok() for found in api.get_all_operations()]:
        for mode in GenerationMode if described_bodies(operation) else [GenerationMode.POSITIVE]:

            @usual(15)
            @given(case=operation.as_strategy(generation_mode=mode))
            def answered(case: Any) -> None:
                nonlocal asked
                asked += 1
                case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS)

            answered()
    assert asked > 400
