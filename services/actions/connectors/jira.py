"""An issue in Jira Cloud.

    destinations:
      jira:
        kind: jira
        base_url: "https://acme.atlassian.net"
        email: success@acme.example
        token: "env:JIRA_TOKEN"
        project: CS

The token is an account's API token. `issue_type` (default Task) and `priorities` (ours to the project's; `{}` where it has
none) are the project's words; the assignee is the account id in `people.yaml` under this destination's name. Jira takes no
idempotency key: the label `successplays-DELIVERY` is searched for before a try whose predecessor got no answer. Its search may
lag behind by seconds.
Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal

from services.actions.api import ApiSettings, Reply, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedTask
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task"})
Priority = Literal["low", "normal", "high", "urgent"]
_PRIORITIES: Mapping[Priority, str] = {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Highest"}


class Settings(ApiSettings):
    """An account's address and API token, and the project in its own words."""

    email: str
    token: SecretReference
    project: str
    issue_type: str = "Task"
    priorities: Mapping[Priority, str] = _PRIORITIES


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the issue, unless an earlier try made it."""
    if outgoing.uncertain:
        wanted = {"jql": f'labels = "{_label(outgoing)}"', "fields": ["summary"], "maxResults": 1}
        found = await _call(outgoing, settings, http, "/rest/api/3/search/jql", wanted)
        if not found.good:
            return found.outcome
        if (there := text_in(found.body, "issues", 0, "key")) is not None:
            return Delivered(there)
    return made(await _call(outgoing, settings, http, "/rest/api/3/issue", {"fields": fields(outgoing, settings)}), "key")


def fields(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The issue's fields; its text is in Atlassian's document format."""
    content = outgoing.content
    found: dict[str, Any] = {
        "project": {"key": settings.project},
        "issuetype": {"name": settings.issue_type},
        "summary": title_of(outgoing),
        "description": document(paragraphs(outgoing)),
        "labels": ["successplays", _label(outgoing)],
    }
    if isinstance(content, RenderedTask):
        if (priority := settings.priorities.get(content.priority)) is not None:  # type: ignore[call-overload]  # one of four
            found["priority"] = {"name": priority}
        if content.due_at is not None:
            found["duedate"] = show_instant(content.due_at)[:10]
    if outgoing.assignee_id is not None:
        found["assignee"] = {"accountId": outgoing.assignee_id}
    return found


def document(parts: list[str]) -> dict[str, Any]:
    """Paragraphs as an Atlassian document: text nodes only, so that nothing in them is markup."""
    return {"type": "doc", "version": 1, "content": [_paragraph(part) for part in parts]}


def _paragraph(text: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for line in text.split("\n"):
        if content:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def _label(outgoing: Outgoing) -> str:
    return f"successplays-{outgoing.delivery_id}"


async def _call(outgoing: Outgoing, settings: Settings, http: Http, path: str, body: dict[str, Any]) -> Reply:
    credentials = f"{settings.email}:{outgoing.secret(settings.token)}"
    headers = {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    return await ask(outgoing, settings, http, "POST", path, headers=headers, body=body)
