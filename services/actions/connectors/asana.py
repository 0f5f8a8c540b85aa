"""A task in Asana.

    destinations:
      asana: {kind: asana, token: "env:ASANA_TOKEN", project: "1201234567890"}

The assignee is the id in `people.yaml` under this destination's name. Asana takes no idempotency key: the delivery's id is the
task's `external.gid`, by which it is asked for before a try whose predecessor got no answer. Asana keeps `external` for tokens
of OAuth apps; with a personal access token a task may come twice after a lost answer.
Source: https://developers.asana.com/reference/createtask, https://developers.asana.com/docs/custom-external-data
"""

from typing import Any
from urllib.parse import quote

from services.actions.api import ApiSettings, Reply, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedTask
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome
from shared.outbound.urls import HttpUrl
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task"})
_NOT_FOUND = 404


class Settings(ApiSettings):
    """A token, and the project that tasks go to."""

    base_url: HttpUrl = "https://app.asana.com/api/1.0"
    token: SecretReference
    project: str


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the task, unless an earlier try made it."""
    if outgoing.uncertain:
        found = await _call(outgoing, settings, http, "GET", f"/tasks/external:{quote(outgoing.delivery_id)}?opt_fields=gid")
        if found.good and (there := text_in(found.body, "data", "gid")) is not None:
            return Delivered(there)
        if not found.good and found.outcome.status != _NOT_FOUND:
            return found.outcome
    body = {"data": task(outgoing, settings)}
    return made(await _call(outgoing, settings, http, "POST", "/tasks", body), "data", "gid")


def task(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The task, as its API takes it."""
    content = outgoing.content
    fields: dict[str, Any] = {
        "name": title_of(outgoing),
        "notes": "\n\n".join(paragraphs(outgoing)),
        "projects": [settings.project],
        "external": {"gid": outgoing.delivery_id, "data": outgoing.run.play},
    }
    if isinstance(content, RenderedTask) and content.due_at is not None:
        fields["due_on"] = show_instant(content.due_at)[:10]
    if outgoing.assignee_id is not None:
        fields["assignee"] = outgoing.assignee_id
    return fields


async def _call(
    outgoing: Outgoing, settings: Settings, http: Http, method: str, path: str, body: dict[str, Any] | None = None
) -> Reply:
    headers = {"authorization": f"Bearer {outgoing.secret(settings.token)}"}
    return await ask(outgoing, settings, http, method, path, headers=headers, body=body)
