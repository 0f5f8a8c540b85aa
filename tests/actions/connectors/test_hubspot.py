"""Tasks in HubSpot: what it is asked, and that none comes twice."""

from pathlib import Path
from typing import Any

import pytest

from services.actions.connectors import hubspot
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome, Pause
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

Told = tuple[int, dict[str, str], bytes]
MADE: Told = (201, {}, b'{"id": "9001", "properties": {}}')
FOUND: Told = (200, {}, b'{"total": 1, "results": [{"id": "9001"}]}')
NOTHING: Told = (200, {}, b'{"total": 0, "results": []}')
ACME = {"id": "acme", "name": "Acme", "owner": "ana@acme.example", "hubspot_company_id": 77}


@pytest.fixture
def settings(receiver: Tool, tmp_path: Path) -> hubspot.Settings:
    (tmp_path / "token").write_text("pat-eu1-secret")
    url = f"http://127.0.0.1:{receiver.port}"
    given = {"kind": "hubspot", "base_url": url, "token": f"file:{tmp_path / 'token'}", "private_network": "allowed"}
    return hubspot.Settings.model_validate(given)


async def send(settings: hubspot.Settings, **fields: Any) -> Outcome:
    http = Http()
    outcome = await hubspot.send(outgoing("task", **fields), settings, http)
    await http.close()
    return outcome


async def test_a_task_is_made_at_the_accounts_company(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(MADE)
    outcome = await send(settings, account=ACME, assignee_id="12345")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "9001"
    (request,) = receiver.ledger
    assert request.headers["authorization"] == "Bearer pat-eu1-secret"
    assert request.json["associations"] == [
        {"to": {"id": "77"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}]}
    ]
    properties = request.json["properties"]
    assert (properties["hs_task_subject"], properties["hubspot_owner_id"]) == ("Call Acme", "12345")
    assert (properties["hs_timestamp"], properties["hs_task_priority"]) == ("2026-03-04T09:00:00Z", "HIGH")
    assert "baseline: 25<br>current: 12" in properties["hs_task_body"]
    assert all(isinstance(value, str) for value in properties.values())


async def test_an_account_that_hubspot_does_not_know_gets_a_task_all_the_same(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(MADE)
    await send(settings)
    assert receiver.ledger[0].json["associations"] == []


async def test_what_an_earlier_try_made_is_found_and_not_made_again(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(FOUND)
    outcome = await send(settings, uncertain=True)
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "9001"
    (search,) = receiver.ledger
    (wanted,) = search.json["filterGroups"][0]["filters"]
    assert wanted["value"] in hubspot.task(outgoing("task"), settings)["properties"]["hs_task_body"]


async def test_what_was_not_found_is_made(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(NOTHING, MADE)
    outcome = await send(settings, uncertain=True)
    assert isinstance(outcome, Delivered)
    assert len(receiver.ledger) == 2


async def test_nothing_is_made_while_the_search_does_not_answer(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says((401, {}, b"{}"))
    assert isinstance(await send(settings, uncertain=True), Pause)
    assert len(receiver.ledger) == 1


async def test_a_unique_property_is_written_and_searched_for(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(NOTHING, MADE)
    await send(settings.model_copy(update={"id_property": "successplays_id"}), uncertain=True)
    search, made = receiver.ledger
    (wanted,) = search.json["filterGroups"][0]["filters"]
    assert (wanted["propertyName"], wanted["operator"]) == ("successplays_id", "EQ")
    assert wanted["value"] == made.json["properties"]["successplays_id"] == outgoing("task").delivery_id


async def test_a_customers_name_is_text_and_no_markup(receiver: Tool, settings: hubspot.Settings) -> None:
    receiver.says(MADE)
    await send(settings, body="<script>alert(1)</script> & more")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in receiver.ledger[0].json["properties"]["hs_task_body"]
