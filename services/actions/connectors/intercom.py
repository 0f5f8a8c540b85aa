"""A ticket in Intercom, or a message to the customer's person that a run is about.

    destinations:
      desk: {kind: intercom, token: "env:INTERCOM_TOKEN", ticket_type: "1234", admin: 394051}

A `task` becomes a ticket of the type `ticket_type`, whose contact is the run's user, else the account's trait `contact` names
(default `champion`), an e-mail address; its assignee is the admin id in `people.yaml` under this destination's name. A
`message` goes to the same person, in the product, from `admin`. The company is the account's trait `intercom_company_id`
(`company` names another). Intercom takes no idempotency key and finds tickets only by attributes that a workspace has made for
itself: after an answer that was lost either may come twice; the delivery's id stands in the ticket's description. In Europe
`base_url` is https://api.eu.intercom.io, in Australia https://api.au.intercom.io.
Source: https://developers.intercom.com/docs/references/rest-api/api.intercom.io/tickets/createticket
"""

from typing import Any

from services.actions.api import ApiSettings, Reply, account_field, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedMessage
from shared.outbound.http import Http
from shared.outbound.outcomes import GiveUp, Outcome
from shared.outbound.urls import HttpUrl
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})
VERSION = "2.14"


class Settings(ApiSettings):
    """A token, the type of ticket that tasks are, and the admin whom messages come from."""

    base_url: HttpUrl = "https://api.intercom.io"
    token: SecretReference
    ticket_type: str
    admin: int
    # The accounts' traits that hold an e-mail address of the customer's, and the company's id in Intercom.
    contact: str = "champion"
    company: str = "intercom_company_id"


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Make the ticket, or write the message."""
    contact = _contact(outgoing, settings)
    if contact is None:
        return GiveUp(f"Intercom writes to people: the run has no user with an e-mail address, the account no {settings.contact}")
    if isinstance(outgoing.content, RenderedMessage):
        return await _write(outgoing, settings, http, contact)
    return made(await _call(outgoing, settings, http, "/tickets", ticket(outgoing, settings, contact)), "id")


def ticket(outgoing: Outgoing, settings: Settings, contact: str) -> dict[str, Any]:
    """The ticket, as its API takes it."""
    fields: dict[str, Any] = {
        "ticket_type_id": settings.ticket_type,
        "contacts": [{"email": contact}],
        "ticket_attributes": {
            "_default_title_": title_of(outgoing),
            "_default_description_": "\n\n".join(paragraphs(outgoing)),
        },
    }
    if (company := account_field(outgoing, settings.company)) is not None:
        fields["company_id"] = company
    if outgoing.assignee_id is not None:
        fields["assignment"] = {"admin_assignee_id": outgoing.assignee_id}
    return fields


async def _write(outgoing: Outgoing, settings: Settings, http: Http, contact: str) -> Outcome:
    """A message goes to a contact's id, so the person is looked up first."""
    found = await _call(outgoing, settings, http, "/contacts/search", search(contact))
    if not found.good:
        return found.outcome
    person, role = text_in(found.body, "data", 0, "id"), text_in(found.body, "data", 0, "role")
    if person is None:
        return GiveUp(f"Intercom knows nobody with the address {contact}")
    return made(await _call(outgoing, settings, http, "/messages", message(outgoing, settings, person, role or "user")), "id")


def search(contact: str) -> dict[str, Any]:
    """The question who has an address."""
    return {"query": {"field": "email", "operator": "=", "value": contact}, "pagination": {"per_page": 1}}


def message(outgoing: Outgoing, settings: Settings, person: str, role: str) -> dict[str, Any]:
    """The message, as its API takes it: the customer reads it, so it is nothing but the author's text."""
    text = outgoing.content.text if isinstance(outgoing.content, RenderedMessage) else ""
    return {
        "message_type": "in_app",
        "body": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "from": {"type": "admin", "id": settings.admin},
        "to": {"type": role, "id": person},
    }


def _contact(outgoing: Outgoing, settings: Settings) -> str | None:
    found = text_in(outgoing.run.user, "email") or account_field(outgoing, settings.contact)
    return found if found is not None and "@" in found else None


async def _call(outgoing: Outgoing, settings: Settings, http: Http, path: str, body: dict[str, Any]) -> Reply:
    headers = {"authorization": f"Bearer {outgoing.secret(settings.token)}", "intercom-version": VERSION}
    return await ask(outgoing, settings, http, "POST", path, headers=headers, body=body)
