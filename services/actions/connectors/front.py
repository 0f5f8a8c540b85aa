"""A discussion in Front, or a comment on the conversation that a run is about.

    destinations:
      desk: {kind: front, token: "env:FRONT_TOKEN", inbox: inb_55c8c149}

A `task` becomes a discussion in `inbox`, which only teammates see, with the assignee (the id in `people.yaml` under this
destination's name, `tea_...`) among its members; a `message` a comment on the conversation of the event at which the run opened
(`properties.ticket_id`). Front takes no idempotency key: after an answer that was lost either may come twice, with the same id
in its text.
Source: https://dev.frontapp.com/reference/create-conversation, https://dev.frontapp.com/reference/create-comment
"""

from typing import Any
from urllib.parse import quote

from services.actions.api import ApiSettings, Reply, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedMessage
from shared.outbound.http import Http
from shared.outbound.outcomes import GiveUp, Outcome
from shared.outbound.urls import HttpUrl
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})


class Settings(ApiSettings):
    """A token, and the inbox that tasks go to."""

    base_url: HttpUrl = "https://api2.frontapp.com"
    token: SecretReference
    inbox: str


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Begin the discussion, or write the comment."""
    comment = {"body": "\n\n".join(paragraphs(outgoing))}
    if isinstance(outgoing.content, RenderedMessage):
        about = text_in(outgoing.run.event, "properties", "ticket_id")
        if about is None:
            return GiveUp("a message to Front is a comment: this run did not open at an event with properties.ticket_id")
        return made(await _call(outgoing, settings, http, f"/conversations/{quote(about, safe='')}/comments", comment), "id")
    return made(await _call(outgoing, settings, http, "/conversations", discussion(outgoing, settings, comment)), "id")


def discussion(outgoing: Outgoing, settings: Settings, comment: dict[str, Any]) -> dict[str, Any]:
    """The discussion, as its API takes it."""
    fields: dict[str, Any] = {
        "type": "discussion",
        "inbox_id": settings.inbox,
        "subject": title_of(outgoing),
        "comment": comment,
    }
    if outgoing.assignee_id is not None:
        fields["teammate_ids"] = [outgoing.assignee_id]
    return fields


async def _call(outgoing: Outgoing, settings: Settings, http: Http, path: str, body: dict[str, Any]) -> Reply:
    headers = {"authorization": f"Bearer {outgoing.secret(settings.token)}"}
    return await ask(outgoing, settings, http, "POST", path, headers=headers, body=body)
