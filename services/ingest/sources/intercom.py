"""Intercom: conversations and tickets, ratings, contacts and companies.

In the Developer Hub, Your apps, open the app of your workspace (or make one), Configure, Webhooks: the endpoint URL is
`https://YOUR-HOST/v1/sources/intercom`, which Intercom asks for at once with a HEAD request. Choose topics, for example
`conversation.user.created`, `conversation.admin.closed`, `conversation.admin.opened`, `conversation.rating.added`,
`ticket.created`, `ticket.state.updated`, `company.created`, `company.updated`, `contact.user.updated`. What signs is the app's
client secret (Configure, Basic information):

    sources:
      intercom: {secret: "env:INTERCOM_CLIENT_SECRET"}

A conversation is a ticket like any other here. Where tickets are made out of conversations and would count twice,
`conversations: own` leaves conversations their own names. Where the `company_id` of Intercom's companies is your account's id,
`company_ids: ours` says so. Traits come from companies, by paths in `data.item` that can be changed one by one:

    sources:
      intercom:
        secret: "env:INTERCOM_CLIENT_SECRET"
        company_ids: ours
        traits: {plan: plan.name, mrr: monthly_spend, seats: custom_attributes.seats}

Verified is `X-Hub-Signature` (SHA-1; Intercom signs no time, so ids are the guard against what is sent again). The account is
that of the company, else of the user or contact, else of the e-mail's domain; Intercom names the company of a conversation only
in some versions of its API, so that contacts are what mostly leads there. A contact's external id is the user. A `ping` is
answered and is no event. Ratings are from 1 to 5. A ticket has a priority where its type has an attribute called `Priority` or
`priority`: Intercom has none of its own. Not confirmed: where `ticket.rating.provided` has its score; it comes in under its own
name.

Sources: https://developers.intercom.com/docs/references/webhooks/webhook-models,
https://developers.intercom.com/docs/webhooks/webhook-notifications
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_hex
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, picked, text_at
from services.ingest.words.tickets import change, status_of, ticket
from services.ingest.words.values import aliases, email_of, id_of, kept, moment_of, number_of, text_of, traits_of
from shared.records import JsonObject

_PERSON = "data.item.contacts.contacts.0 | data.item.contact | data.item.user | data.item.source.author"
_EMAIL = (
    "data.item.contacts.contacts.0.email | data.item.contact.email | data.item.user.email | data.item.source.author.email"
    " | data.item.conversation_message.author.email"
)
_TICKET = {
    "ticket_id": "data.item.id",
    "subject": "data.item.ticket_attributes._default_title_",
    "status": "data.item.ticket_state.category | data.item.ticket_state",
    # No attribute of Intercom's own: workspaces that rank their tickets add one of this name to the ticket's type.
    "priority": "data.item.ticket_attributes.priority | data.item.ticket_attributes.Priority",
    "type": "data.item.ticket_type.name",
    "assignee": "data.item.admin_assignee_id",
    "requester_email": _EMAIL,
}
_CONVERSATION = {
    "ticket_id": "data.item.id",
    "subject": "data.item.title | data.item.source.subject | data.item.conversation_message.subject",
    "status": "data.item.state",
    "priority": "data.item.priority",
    "assignee": "data.item.assignee.email | data.item.admin_assignee_id",
    "url": "data.item.links.conversation_web",
    "requester_email": _EMAIL,
}
_RATING = {
    "score": "data.item.conversation_rating.rating",
    "comment": "data.item.conversation_rating.remark",
    "ticket_id": "data.item.id",
    "respondent_email": _EMAIL,
}
_TRAITS = {"name": "name", "domain": "website", "plan": "plan.name", "mrr": "monthly_spend"}
_AS_TICKETS = {
    "conversation.user.created": "ticket.created",
    "conversation.admin.closed": "ticket.solved",
    "conversation.admin.opened": "ticket.reopened",
    "conversation.admin.assigned": "ticket.updated",
    "conversation.admin.snoozed": "ticket.updated",
    "conversation.admin.unsnoozed": "ticket.updated",
    "conversation.priority.updated": "ticket.updated",
}
_OTHERS = {
    "ticket.created": "ticket.created",
    "conversation.rating.added": "csat.answered",
    "company.created": "account.updated",
    "company.updated": "account.updated",
    "contact.user.updated": "user.updated",
    "contact.email.updated": "user.updated",
    "user.email.updated": "user.updated",
}

MAPPED = (
    *(Mapped(event, topic, _CONVERSATION) for topic, event in _AS_TICKETS.items()),
    Mapped("ticket.created", "ticket.created", _TICKET),
    Mapped("ticket.solved", "ticket.state.updated to resolved", _TICKET),
    Mapped("ticket.reopened", "ticket.state.updated from resolved", _TICKET),
    Mapped("ticket.updated", "ticket.state.updated between others", _TICKET),
    Mapped("csat.answered", "conversation.rating.added", _RATING),
    Mapped("account.updated", "company.created", {}, _TRAITS),
    Mapped("account.updated", "company.updated", {}, _TRAITS),
    Mapped("user.updated", "contact.user.updated"),
    Mapped("user.updated", "contact.email.updated"),
    Mapped("user.updated", "user.email.updated"),
)
EXAMPLES = (
    b"""{"type": "notification_event", "app_id": "a1", "id": "notif_1", "topic": "conversation.user.created",
    "created_at": 1772366398,
    "delivery_attempts": 1, "data": {"type": "notification_event_data", "item": {"type": "conversation", "id": "1373", "state":
    "open", "priority": "priority", "title": null, "source": {"type": "conversation", "subject": "Export fails", "author":
    {"type": "user", "id": "5ee3", "email": "Ana@Acme.example"}}, "contacts": {"type": "contact.list", "contacts":
    [{"type": "contact", "id": "5ee3", "external_id": "u7"}]}}}}""",
    b"""{"type": "notification_event", "app_id": "a1", "id": "notif_2", "topic": "conversation.rating.added",
    "created_at": 1772366399,
    "data": {"item": {"type": "conversation", "id": "1373", "conversation_rating": {"rating": 2, "remark": "slow"}, "user":
    {"type": "user", "id": "5ee3", "user_id": "u7", "email": "ana@acme.example"}}}}""",
    b"""{"type": "notification_event", "app_id": "a1", "id": "notif_3", "topic": "ticket.state.updated",
    "created_at": 1772366400,
    "data": {"item": {"type": "ticket", "id": "494", "ticket_id": "53", "ticket_attributes": {"_default_title_": "No invoice"},
    "ticket_state": {"category": "resolved", "internal_label": "Done"}, "ticket_type": {"name": "Billing"}, "contacts":
    {"contacts": [{"type": "contact", "id": "5ee3", "external_id": "u7"}]}, "ticket_parts": {"ticket_parts": [{"part_type":
    "ticket_state_updated_by_admin", "previous_ticket_state": "in_progress", "ticket_state": "resolved"}]}}}}""",
    b"""{"type": "notification_event", "app_id": "a1", "id": "notif_4", "topic": "company.updated", "created_at": 1772366401,
    "data":
    {"item": {"type": "company", "id": "5f2a", "company_id": "acme", "name": "Acme", "website": "https://www.acme.example/",
    "plan": {"name": "Pro"}, "monthly_spend": 1200, "custom_attributes": {}}}}""",
    b"""{"type": "notification_event", "app_id": "a1", "id": "notif_5", "topic": "contact.user.updated",
    "created_at": 1772366402,
    "data": {"item": {"type": "contact", "id": "5ee3", "external_id": "u7", "email": "ana@acme.example", "name": "Ana",
    "companies": {"data": [{"type": "company", "id": "5f2a"}]}}}}""",
)


class Settings(SourceSettings):
    """How conversations and companies are to be understood."""

    conversations: Literal["tickets", "own"] = "tickets"
    company_ids: Literal["intercom", "ours"] = "intercom"
    # Paths in a company, over those that are in the table.
    traits: Mapping[str, str] = {}


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """`sha1=` and the HMAC of the body."""
    scheme, _, given = incoming.headers.get("x-hub-signature", "").partition("=")
    return signed_hex(given, incoming.body, secrets, "sha1") and scheme.lower() == "sha1"


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event; none for a ping. Raises Refused: no JSON object."""
    body = read_object(incoming.body)
    topic = text_at(body, "topic") or ""
    if topic == "ping":
        return []
    company, person = _company(body, topic), _person(body)
    user_id = text_of(person.get("external_id")) or text_of(person.get("user_id"))
    about = aliases(
        intercom_company=company.get("id"),
        user=user_id,
        intercom_contact=person.get("id"),
        email=first(body, _EMAIL) or person.get("email"),
    )
    name = _name(topic, body, settings)
    return [
        Reported(
            id=id_of(body.get("id"), body),
            name=name,
            vendor=body,
            about=about,
            account_id=text_of(company.get("company_id")) if settings.company_ids == "ours" else None,
            user_id=user_id,
            occurred_at=moment_of(body.get("created_at")),
            properties=_properties(topic, name, body),
            traits=_traits(company, settings) if name == "account.updated" else None,
            user_traits=_user_traits(person) if name == "user.updated" else None,
            same=_same(about) if _is_person(dig(body, "data.item")) else (),
        )
    ]


def _name(topic: str, body: JsonObject, settings: Settings) -> str:
    if topic == "ticket.state.updated":
        return change(_old_status(body), status_of(first(body, _TICKET["status"])))
    if settings.conversations == "tickets" and topic in _AS_TICKETS:
        return _AS_TICKETS[topic]
    return _OTHERS.get(topic) or normalise(topic) or "intercom.event"


def _properties(topic: str, name: str, body: JsonObject) -> JsonObject:
    if name == "csat.answered":
        readers = {"score": number_of, "ticket_id": text_of, "comment": text_of, "respondent_email": email_of}
        return {**kept(picked(body, _RATING), readers), "scale": 5}
    if topic.startswith("ticket."):
        old = _old_status(body) if topic == "ticket.state.updated" else None
        return {**ticket(body, _TICKET), **({} if old is None else {"old_status": old})}
    if topic.startswith("conversation."):
        found = ticket(body, _CONVERSATION)
        marked = {"priority": "high", "not_priority": "normal"}.get(found.get("priority", ""))
        return {**found, **({} if marked is None else {"priority": marked})}
    return {}


def _old_status(body: JsonObject) -> str | None:
    """The status before, of the latest change of it that the ticket's parts have."""
    parts = dig(body, "data.item.ticket_parts.ticket_parts")
    before = [status_of(dig(part, "previous_ticket_state")) for part in parts] if isinstance(parts, list) else []
    return next((status for status in reversed(before) if status is not None), None)


def _company(body: JsonObject, topic: str) -> JsonObject:
    item = dig(body, "data.item")
    places = "company | companies.data.0 | companies.companies.0 | contact.companies.companies.0 | user.companies.companies.0"
    found = item if topic.startswith("company.") else first(item, places)
    return found if isinstance(found, dict) else {}


def _person(body: JsonObject) -> JsonObject:
    item = dig(body, "data.item")
    found = item if _is_person(item) else first(body, _PERSON)
    return found if isinstance(found, dict) and found.get("type") not in ("admin", "bot", "team") else {}


def _is_person(item: Any) -> bool:
    return dig(item, "type") in ("contact", "user", "lead")


def _traits(company: JsonObject, settings: Settings) -> JsonObject:
    return traits_of(picked(company, {**_TRAITS, **settings.traits}))


def _user_traits(person: JsonObject) -> JsonObject:
    return kept(picked(person, {"email": "email", "name": "name"}), {"email": email_of, "name": text_of})


def _same(about: Sequence[str]) -> tuple[tuple[str, str], ...]:
    contact = next((alias for alias in about if alias.startswith("intercom:contact:")), None)
    return tuple((contact, alias) for alias in about if contact is not None and alias.startswith("email:"))
