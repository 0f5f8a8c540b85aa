"""A ticket in Zendesk, or a note for agents on the ticket that a run is about.

    destinations:
      desk: {kind: zendesk, base_url: "https://acme.zendesk.com", email: success@acme.example, token: "env:ZENDESK_TOKEN"}

A `task` becomes a ticket with a first comment that only agents see; a `message` becomes such a comment on the ticket of the
event at which the run opened (`properties.ticket_id`). The organisation is the account's trait `zendesk_organization_id`
(`organization` names another). The delivery's id is the ticket's `external_id` and the `Idempotency-Key`; what was made is
searched for by the first before a try whose predecessor got no answer, because Zendesk forgets keys after some hours. A note
may come twice after a lost answer.
Source: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/
"""

import base64
from typing import Any
from urllib.parse import quote

from services.actions.api import ApiSettings, Reply, account_field, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedMessage, RenderedTask
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})


class Settings(ApiSettings):
    """An agent's address and an API token."""

    email: str
    token: SecretReference
    # The account's trait that holds its organisation's id in Zendesk.
    organization: str = "zendesk_organization_id"


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the ticket, or write the note."""
    if isinstance(outgoing.content, RenderedMessage):
        return await _note(outgoing, settings, http)
    if outgoing.uncertain:
        found = await _call(outgoing, settings, http, "GET", f"/api/v2/tickets?external_id={quote(outgoing.delivery_id)}")
        if not found.good:
            return found.outcome
        if (there := text_in(found.body, "tickets", 0, "id")) is not None:
            return Delivered(there)
    body = {"ticket": ticket(outgoing, settings)}
    return made(await _call(outgoing, settings, http, "POST", "/api/v2/tickets", body), "ticket", "id")


def ticket(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The ticket, as its API takes it."""
    content = outgoing.content
    fields: dict[str, Any] = {
        "subject": title_of(outgoing),
        "comment": {"body": "\n\n".join(paragraphs(outgoing)), "public": False},
        "external_id": outgoing.delivery_id,
        "tags": ["successplays"],
    }
    if isinstance(content, RenderedTask):
        fields["priority"] = content.priority
        if content.due_at is not None:
            fields |= {"type": "task", "due_at": show_instant(content.due_at)}
    if (organization := account_field(outgoing, settings.organization)) is not None:
        fields["organization_id"] = int(organization) if organization.isdecimal() else organization
    if outgoing.assignee_id is not None:
        fields["assignee_id"] = int(outgoing.assignee_id) if outgoing.assignee_id.isdecimal() else outgoing.assignee_id
    return fields


async def _note(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    about = text_in(outgoing.run.event, "properties", "ticket_id")
    if about is None:
        return GiveUp("a message to Zendesk is a note on a ticket: this run did not open at an event with properties.ticket_id")
    body = {"ticket": {"comment": {"body": "\n\n".join(paragraphs(outgoing)), "public": False}}}
    return made(await _call(outgoing, settings, http, "PUT", f"/api/v2/tickets/{quote(about, safe='')}", body), "audit", "id")


async def _call(outgoing: Outgoing, settings: Settings, http: Http, method: str, path: str, body: Any = None) -> Reply:
    credentials = f"{settings.email}/token:{outgoing.secret(settings.token)}"
    headers = {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    if method == "POST":
        headers["idempotency-key"] = outgoing.delivery_id
    return await ask(outgoing, settings, http, method, path, headers=headers, body=body)
