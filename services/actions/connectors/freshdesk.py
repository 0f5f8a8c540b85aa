"""A ticket in Freshdesk, or a private note on the ticket that a run is about.

    destinations:
      desk: {kind: freshdesk, base_url: "https://acme.freshdesk.com", token: "env:FRESHDESK_KEY", email: success@acme.example}

A `task` becomes a ticket of the requester `email`, a `message` a private note on the ticket of the event at which the run
opened (`properties.ticket_id`). The company is the account's trait `freshdesk_company_id` (`company` names another), the agent
the assignee's id in `people.yaml` under this destination's name. Freshdesk takes no idempotency key: the ticket's tag with the
delivery's 32 digits is searched for before a try whose predecessor got no answer; Freshdesk's search lags behind by some
minutes, so that a ticket may come twice.
Source: https://developers.freshdesk.com/api/#create_ticket
"""

import base64
from html import escape
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
LONGEST_TAG = 32
_PRIORITIES = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
_OPEN, _BY_EMAIL = 2, 1


class Settings(ApiSettings):
    """An agent's API key, and whose request a ticket is."""

    token: SecretReference
    email: str
    # The account's trait that holds its company's id in Freshdesk.
    company: str = "freshdesk_company_id"


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the ticket, or write the note."""
    if isinstance(outgoing.content, RenderedMessage):
        return await _note(outgoing, settings, http)
    if outgoing.uncertain:
        wanted = quote(f"\"tag:'{_tag(outgoing)}'\"")
        found = await _call(outgoing, settings, http, "GET", f"/api/v2/search/tickets?query={wanted}")
        if not found.good:
            return found.outcome
        if (there := text_in(found.body, "results", 0, "id")) is not None:
            return Delivered(there)
    return made(await _call(outgoing, settings, http, "POST", "/api/v2/tickets", ticket(outgoing, settings)), "id")


def ticket(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The ticket, as its API takes it."""
    content = outgoing.content
    priority = content.priority if isinstance(content, RenderedTask) else "normal"
    fields: dict[str, Any] = {
        "subject": title_of(outgoing),
        "description": _html(outgoing),
        "email": settings.email,
        "priority": _PRIORITIES[priority],
        "status": _OPEN,
        "source": _BY_EMAIL,
        "tags": ["successplays", _tag(outgoing)],
    }
    if isinstance(content, RenderedTask) and content.due_at is not None and content.due_at > outgoing.now:
        # Freshdesk wants both dates or none, and both in the future.
        fields |= {"due_by": show_instant(content.due_at), "fr_due_by": show_instant(content.due_at)}
    for field, text in (("company_id", account_field(outgoing, settings.company)), ("responder_id", outgoing.assignee_id)):
        if text is not None:
            fields[field] = int(text) if text.isdecimal() else text
    return fields


async def _note(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    about = text_in(outgoing.run.event, "properties", "ticket_id")
    if about is None:
        return GiveUp(
            "a message to Freshdesk is a note on a ticket, and this run did not open at an event with properties.ticket_id"
        )
    path, body = f"/api/v2/tickets/{quote(about, safe='')}/notes", {"body": _html(outgoing), "private": True}
    return made(await _call(outgoing, settings, http, "POST", path, body), "id")


def _html(outgoing: Outgoing) -> str:
    return "".join(f"<p>{escape(part, quote=False).replace(chr(10), '<br>')}</p>" for part in paragraphs(outgoing))


def _tag(outgoing: Outgoing) -> str:
    # A delivery's id is 32 digits and four hyphens.
    return outgoing.delivery_id.replace("-", "")[:LONGEST_TAG]


async def _call(outgoing: Outgoing, settings: Settings, http: Http, method: str, path: str, body: Any = None) -> Reply:
    credentials = f"{outgoing.secret(settings.token)}:X"
    headers = {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    return await ask(outgoing, settings, http, method, path, headers=headers, body=body)
