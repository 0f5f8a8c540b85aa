"""`successplays.yaml` and `people.yaml` as models."""

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from shared.instants import parse_instant
from shared.workspace.document import People, WorkspaceSettings, document_of
from shared.workspace.yaml import read_yaml

SETTINGS = """
destinations:
  crm:   {kind: hubspot, token: "env:HUBSPOT_TOKEN"}
  hooks: {kind: webhook, url: "http://127.0.0.1:9000/tasks", secret: "env:HOOK_SECRET", private_network: allowed}
sources:
  zendesk: {secret: ["env:ZENDESK_SECRET", "env:ZENDESK_SECRET_OLD"]}
  intercom: {secret: "file:/run/secrets/intercom"}
teams:
  enterprise: {members: [ana@acme.example, bo@acme.example], assign: least_loaded}
segments:
  strategic: {account.mrr: {at_least: 5000}, account.plan: enterprise}
events:
  report.exported: {since: 2025-01-01, properties: [format, pages]}
  ticket.created:
defaults: {timezone: Asia/Tokyo, guard: {max_runs: 50 per day, fresh: 6h}, quiet_hours: 20:00-08:00, daily_budget: 15}
"""
PEOPLE = """
ana@acme.example:
  name: Ana
  roles: [csm]
  timezone: Europe/Berlin
  hours: 09:00-17:00
  absence: [{from: 2026-08-01, until: 2026-08-15}]
  ids: {crm: "12345"}
bo@acme.example:
"""


def settings(text: str) -> WorkspaceSettings:
    return WorkspaceSettings.model_validate(read_yaml(text, "successplays.yaml").data)


def places(document: Any, model: type[WorkspaceSettings | People] = WorkspaceSettings) -> list[tuple[int | str, ...]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return [error["loc"] for error in caught.value.errors()]


def test_the_document_is_plain_json_and_reads_the_same_again() -> None:
    people = People.model_validate(read_yaml(PEOPLE, "people.yaml").data)
    document = document_of(settings(SETTINGS), people)
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert set(document) == {"destinations", "sources", "teams", "segments", "events", "defaults", "people"}
    assert document["destinations"]["crm"] == {"kind": "hubspot", "token": "env:HUBSPOT_TOKEN"}
    assert document["segments"]["strategic"] == {"account.mrr": {"at_least": 5000}, "account.plan": "enterprise"}
    assert document["people"]["ana@acme.example"]["absence"] == [{"from": "2026-08-01", "until": "2026-08-15"}]
    again = document_of(
        WorkspaceSettings.model_validate({key: value for key, value in document.items() if key != "people"}),
        People.model_validate(document["people"]),
    )
    assert again == document


def test_listening_begins_with_the_first_instant_of_the_day_in_the_default_zone() -> None:
    assert settings(SETTINGS).listening() == {"report.exported": parse_instant("2024-12-31T15:00:00Z")}


def test_a_section_may_be_empty() -> None:
    assert settings("destinations:\nsegments:\nevents:\ndefaults:\n") == WorkspaceSettings()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"destination": {}}, ("destination",)),
        ({"destinations": {"CRM": {"kind": "webhook"}}}, ("destinations", "CRM", "[key]")),
        ({"destinations": {"crm": {}}}, ("destinations", "crm", "kind")),
        ({"teams": {"a": {"members": []}}}, ("teams", "a", "members")),
        ({"teams": {"a": {"members": ["ana"]}}}, ("teams", "a", "members", 0)),
        ({"teams": {"a": {"members": ["a@b"], "assign": "random"}}}, ("teams", "a", "assign")),
        ({"segments": {"a": {"properties.x": 1}}}, ("segments", "a", "properties.x")),
        ({"segments": {"a": {}}}, ("segments", "a")),
        ({"events": {"Report Exported": {}}}, ("events", "Report Exported", "[key]")),
        ({"events": {"a.b": {"since": "soon"}}}, ("events", "a.b", "since")),
        ({"events": {"a.b": {"sinse": "2025-01-01"}}}, ("events", "a.b", "sinse")),
        ({"defaults": {"timezone": "Europe/Nowhere"}}, ("defaults", "timezone")),
        ({"defaults": {"timezone": "../../etc/passwd"}}, ("defaults", "timezone")),
        ({"defaults": {"quiet_hours": "20-8"}}, ("defaults", "quiet_hours")),
        ({"defaults": {"daily_budget": 0}}, ("defaults", "daily_budget")),
        ({"defaults": {"guard": {"fresh": "6 hours"}}}, ("defaults", "guard", "fresh")),
        ({"defaults": {"guard": {"max_runs": 50}}}, ("defaults", "guard", "max_runs")),
    ],
)
def test_each_refusal_has_its_place(document: dict[str, Any], place: tuple[str, ...]) -> None:
    assert any(found[: len(place)] == place for found in places(document))


def test_people_are_under_their_addresses() -> None:
    assert places({"Ana": {}}, People) == [("Ana", "[key]")]
    assert places({"ana@acme.example": {"role": "csm"}}, People) == [("ana@acme.example", "role")]
