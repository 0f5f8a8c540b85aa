"""A task in HubSpot, at the account's company.

    destinations:
      crm: {kind: hubspot, token: "env:HUBSPOT_TOKEN"}

The token is a private app's, with the scopes crm.objects.contacts.write and crm.objects.companies.read. The company is the
account's trait `hubspot_company_id` (`company` names another); without it the task stands alone. The owner is the assignee's
id in `people.yaml` under this destination's name. HubSpot takes no idempotency key: `successplays:DELIVERY` is the last word of
the task's body, and is searched for before a try whose predecessor got no answer; a private app may search 4 times a second, and
what was made seconds ago may not be found yet, so that a task may come twice after a lost answer. With `id_property`, a unique
property of tasks that you made in HubSpot, it cannot.
Source: https://developers.hubspot.com/docs/api-reference/crm-tasks-v3/guide
"""

from typing import Any

from services.actions.api import ApiSettings, Reply, account_field, ask, made, marker, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedTask
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome
from shared.outbound.urls import HttpUrl
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task"})
TASKS = "/crm/v3/objects/tasks"
# The association that HubSpot itself defines from a task to a company.
TASK_TO_COMPANY = 192
_PRIORITIES = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH", "urgent": "HIGH"}


class Settings(ApiSettings):
    """Which portal: the token says."""

    base_url: HttpUrl = "https://api.hubapi.com"
    token: SecretReference
    # The account's trait that holds the company's id in HubSpot.
    company: str = "hubspot_company_id"
    # A unique property of tasks for the delivery's id.
    id_property: str | None = None


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the task, unless an earlier try made it."""
    if outgoing.uncertain:
        found = await _call(outgoing, settings, http, f"{TASKS}/search", _search(outgoing, settings))
        if not found.good:
            return found.outcome
        if (there := text_in(found.body, "results", 0, "id")) is not None:
            return Delivered(there)
    return made(await _call(outgoing, settings, http, TASKS, task(outgoing, settings)), "id")


def task(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The body of the request: every property is text."""
    content = outgoing.content
    properties = {
        "hs_timestamp": show_instant(outgoing.reached_at),
        "hs_task_subject": title_of(outgoing),
        "hs_task_body": "<br><br>".join(_html(part) for part in paragraphs(outgoing)),
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
    }
    if isinstance(content, RenderedTask):
        properties["hs_task_priority"] = _PRIORITIES[content.priority]
        if content.due_at is not None:
            properties["hs_timestamp"] = show_instant(content.due_at)
    if outgoing.assignee_id is not None:
        properties["hubspot_owner_id"] = outgoing.assignee_id
    if settings.id_property is not None:
        properties[settings.id_property] = outgoing.delivery_id
    return {"properties": properties, "associations": _associations(outgoing, settings)}


def _associations(outgoing: Outgoing, settings: Settings) -> list[dict[str, Any]]:
    company = account_field(outgoing, settings.company)
    if company is None:
        return []
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_COMPANY}
    return [{"to": {"id": company}, "types": [kind]}]


def _search(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    if settings.id_property is not None:
        wanted = {"propertyName": settings.id_property, "operator": "EQ", "value": outgoing.delivery_id}
    else:
        wanted = {"propertyName": "hs_task_body", "operator": "CONTAINS_TOKEN", "value": marker(outgoing)}
    return {"filterGroups": [{"filters": [wanted]}], "limit": 1}


async def _call(outgoing: Outgoing, settings: Settings, http: Http, path: str, body: dict[str, Any]) -> Reply:
    headers = {"authorization": f"Bearer {outgoing.secret(settings.token)}"}
    return await ask(outgoing, settings, http, "POST", path, headers=headers, body=body)


def _html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\n", "<br>")
