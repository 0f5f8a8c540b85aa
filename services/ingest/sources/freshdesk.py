"""Freshdesk: tickets, by the webhooks of automation rules.

In Admin, Automations, make a rule for `Ticket creation`, and one for `Ticket updates` (by agent or requester, on `Status is
changed`, `Priority is changed`, `Ticket is updated` or what you like), each with the action Trigger webhook: POST, URL
`https://YOUR-HOST/v1/sources/freshdesk/TOKEN`, encoding JSON, content Advanced:

    {"freshdesk_webhook": {
       "triggered_event": "{{triggered_event}}", "ticket_id": "{{ticket.id}}", "ticket_subject": "{{ticket.subject}}",
       "ticket_status": "{{ticket.status}}", "ticket_priority": "{{ticket.priority}}", "ticket_type": "{{ticket.ticket_type}}",
       "ticket_tags": "{{ticket.tags}}", "ticket_url": "{{ticket.url}}", "ticket_agent_email": "{{ticket.agent.email}}",
       "ticket_requester_email": "{{ticket.requester.email}}", "ticket_requester_id": "{{ticket.requester.id}}",
       "ticket_company_id": "{{ticket.company.id}}", "ticket_company_name": "{{ticket.company.name}}",
       "ticket_modified_on": "{{ticket.modified_on}}"}}

Content Simple with the same boxes ticked sends the same, but for what it has no box for. The token stands for the signature
that Freshdesk has none of; instead of in the URL it may be the password of Basic authentication (`Requires authentication`):

    sources:
      freshdesk: {token: "env:FRESHDESK_TOKEN"}

`triggered_event` says what happened: `{ticket_action:created}`, `{status:{from:2,to:4}}`. Where it is missing the event is
`ticket.updated`; `"event": "ticket.solved"` in the template says otherwise. What else it says keeps its own name:
`reply_sent.sent`, `note_type.private`.

A rule on `Customer feedback` has a template with `"event": "csat.answered"`, a `"rating"` that is a number, and a `"comment"`.

The account is that of the company, else of the requester, else of the e-mail's domain. Freshdesk gives an event no id: it is a
digest of the body, so that two updates that change nothing of what the template says are one; `ticket_modified_on` keeps them
apart. It has no form that is the same everywhere, so that events are of when they are received, unless it is ISO 8601. Not
confirmed: that the placeholder of a company's id exists in every plan, how quotation marks in placeholders are escaped, and
which placeholder has the rating. A placeholder that Freshdesk leaves as it is (`{{...}}`) is taken as missing.

Source: https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules
"""

import re
from collections.abc import Mapping
from typing import Any

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, picked, text_at
from services.ingest.words.tickets import PRIORITIES, STATUSES, change, priority_of, status_of, ticket
from services.ingest.words.values import aliases, digest, email_of, kept, moment_of, number_of, text_of
from shared.records import JsonObject

_TICKET = {
    "ticket_id": "freshdesk_webhook.ticket_id",
    "subject": "freshdesk_webhook.ticket_subject",
    "status": "freshdesk_webhook.ticket_status",
    "priority": "freshdesk_webhook.ticket_priority",
    "type": "freshdesk_webhook.ticket_type",
    "tags": "freshdesk_webhook.ticket_tags",
    "url": "freshdesk_webhook.ticket_url",
    "assignee": "freshdesk_webhook.ticket_agent_email",
    "requester_email": "freshdesk_webhook.ticket_requester_email | freshdesk_webhook.ticket_contact_email",
}
_CHANGED = {**_TICKET, "old_status": "freshdesk_webhook.triggered_event", "old_priority": "freshdesk_webhook.triggered_event"}
_RATING = {
    "score": "freshdesk_webhook.rating",
    "comment": "freshdesk_webhook.comment",
    "ticket_id": "freshdesk_webhook.ticket_id",
    "respondent_email": "freshdesk_webhook.ticket_requester_email",
}
MAPPED = (
    Mapped("ticket.created", "{ticket_action:created}", _TICKET),
    Mapped("ticket.solved", "{status:{from,to}} to Resolved or Closed", _CHANGED),
    Mapped("ticket.reopened", "{status:{from,to}} from Resolved or Closed", _CHANGED),
    Mapped("ticket.updated", "{status:{from,to}} between others", _CHANGED),
    Mapped("ticket.updated", "{priority:{from,to}}", _CHANGED),
    Mapped("ticket.updated", "{ticket_action:update}, {anything:{from,to}}, or nothing", _TICKET),
    Mapped("csat.answered", "a template with `event: csat.answered`", _RATING),
)
EXAMPLES = (
    b"""{"freshdesk_webhook": {"triggered_event": "{ticket_action:created}", "ticket_id": 128, "ticket_subject": "Export fails",
    "ticket_status": "Open", "ticket_priority": "Urgent", "ticket_type": "Problem", "ticket_tags": "export, vip", "ticket_url":
    "https://acme.freshdesk.com/helpdesk/tickets/128", "ticket_agent_email": "", "ticket_requester_email": "Ana@Acme.example",
    "ticket_requester_id": 70, "ticket_company_id": 99, "ticket_company_name": "Acme"}}""",
    b"""{"freshdesk_webhook": {"triggered_event": "{status:{from:2,to:4}}", "ticket_id": 128, "ticket_status": "Resolved",
    "ticket_priority": "Urgent", "ticket_requester_email": "ana@acme.example",
    "ticket_modified_on": "2026-03-01T11:59:58Z"}}""",
    b"""{"freshdesk_webhook": {"event": "csat.answered", "ticket_id": 128, "rating": "2", "comment": "slow",
    "ticket_requester_email": "ana@acme.example"}}""",
)

# https://developers.freshdesk.com/api/#tickets; 6 and 7 are there by default.
_STATUSES: Mapping[str, str] = {
    **STATUSES,
    "2": "open",
    "3": "pending",
    "4": "solved",
    "5": "closed",
    "6": "pending",
    "7": "on_hold",
    "waiting_on_third_party": "on_hold",
}
_PRIORITIES: Mapping[str, str] = {**PRIORITIES, "1": "low", "2": "normal", "3": "high", "4": "urgent"}
_FROM_TO = re.compile(r"\{\s*(\w+)\s*:\s*\{\s*from\s*:\s*([^,{}]*),\s*to\s*:\s*([^,{}]*)\}\s*\}")
_DONE = re.compile(r"\{\s*(\w+)\s*:\s*(\w+)\s*\}")


class Settings(SourceSettings):
    """Nothing beyond what every source has."""


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object with `freshdesk_webhook`."""
    body = read_object(incoming.body)
    said = body.get("freshdesk_webhook")
    if not isinstance(said, dict):
        raise Refused("missing_field", "/freshdesk_webhook", "the template of docs/sources.md has everything under this")
    known = {"freshdesk_webhook": {word: each for word, each in said.items() if not _is_placeholder(each)}}
    happened = text_at(known, "freshdesk_webhook.triggered_event") or ""
    words = _words(known, happened)
    name = normalise(text_at(known, "freshdesk_webhook.event") or "") or _name(happened, words)
    return [
        Reported(
            id=digest(body),
            name=name,
            vendor=body,
            about=aliases(
                freshdesk_company=dig(known, "freshdesk_webhook.ticket_company_id"),
                freshdesk_contact=dig(known, "freshdesk_webhook.ticket_requester_id"),
                email=words.get("requester_email"),
            ),
            occurred_at=moment_of(dig(known, "freshdesk_webhook.ticket_modified_on")),
            properties=_rating(known) if name == "csat.answered" else words,
        )
    ]


def _is_placeholder(found: Any) -> bool:
    return isinstance(found, str) and found.strip().startswith("{{")


def _words(known: JsonObject, happened: str) -> JsonObject:
    words = ticket(known, _TICKET)
    changed = _FROM_TO.fullmatch(happened.strip())
    read: dict[str, str | None] = {
        "status": status_of(words.get("status"), _STATUSES),
        "priority": priority_of(words.get("priority"), _PRIORITIES),
    }
    if changed is not None and changed[1] == "status":
        read |= {"old_status": status_of(changed[2], _STATUSES), "status": status_of(changed[3], _STATUSES)}
    if changed is not None and changed[1] == "priority":
        read |= {"old_priority": priority_of(changed[2], _PRIORITIES), "priority": priority_of(changed[3], _PRIORITIES)}
    return {**words, **{word: each for word, each in read.items() if each is not None}}


def _name(happened: str, words: JsonObject) -> str:
    changed, done = _FROM_TO.fullmatch(happened.strip()), _DONE.fullmatch(happened.strip())
    if changed is not None and changed[1] == "status":
        return change(words.get("old_status"), words.get("status"))
    if done is None or changed is not None:
        return "ticket.updated"
    if done[1] == "ticket_action":
        return {"created": "ticket.created", "update": "ticket.updated"}.get(done[2]) or f"ticket.{normalise(done[2])}"
    return f"{normalise(done[1]).replace('.', '_')}.{normalise(done[2]).replace('.', '_')}"


def _rating(known: JsonObject) -> JsonObject:
    readers = {"score": number_of, "comment": text_of, "ticket_id": text_of, "respondent_email": email_of}
    return kept(picked(known, _RATING), readers)
