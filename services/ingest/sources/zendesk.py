"""Zendesk: what happens to tickets, users and organisations, by event webhooks or by webhooks of triggers.

Tickets come by one of the two: both would count each of them twice.

**Event webhooks** need no template. In the Admin Center: Apps and integrations, Webhooks, Create webhook, Zendesk events;
choose `Ticket created`, `Ticket status changed`, `Ticket priority changed` and what else you like; the endpoint URL is
`https://YOUR-HOST/v1/sources/zendesk`, method POST, format JSON, no authentication. Its page then shows the signing secret:

    sources:
      zendesk: {secret: "env:ZENDESK_SECRET"}

They tell ids, but no e-mail address. With a token of the API (Apps and integrations, APIs, Zendesk API; the user is
`you@acme.example/token`) each ticket is asked for its requester and organisation before it becomes an event:

    sources:
      zendesk:
        secret: "env:ZENDESK_SECRET"
        api: {base_url: "https://acme.zendesk.com", user: "ana@acme.example/token", password: "env:ZENDESK_TOKEN"}

**Webhooks of triggers** need no API. Create a webhook as above, but choose `Trigger or automation`, and in Objects and rules,
Triggers, one trigger each for a ticket that is created, solved, opened again and updated, whose action notifies the webhook
with this body, in which only `event` differs (`ticket.created`, `ticket.solved`, `ticket.reopened`, `ticket.updated`):

    {"event": "ticket.created",
     "ticket": {
       "id": "{{ticket.id}}", "updated_at": "{{ticket.updated_at_with_timestamp}}", "subject": "{{ticket.title}}",
       "status": "{{ticket.status}}", "priority": "{{ticket.priority}}", "type": "{{ticket.ticket_type}}",
       "tags": "{{ticket.tags}}", "url": "{{ticket.link}}", "assignee": "{{ticket.assignee.email}}",
       "requester": {"id": "{{ticket.requester.id}}", "email": "{{ticket.requester.email}}"},
       "organization": {"id": "{{ticket.organization.id}}", "external_id": "{{ticket.organization.external_id}}"}}}

For satisfaction, a trigger on `Satisfaction is bad` or `good` adds `"event": "csat.answered"` and, beside `ticket`,
`"satisfaction": {"rating": "{{satisfaction.current_rating}}", "comment": "{{satisfaction.current_comment}}"}`; good is 1, bad
0. Where organisations have your ids as their external ids, `account: ticket.organization.external_id` says so (with the API,
`account: organization.external_id`).

Verified is `X-Zendesk-Webhook-Signature`, which also covers the time; Zendesk states no tolerance, so a day is taken, and ids
guard against what is sent again within it. The account is that of the organisation, else of the requester, else of the e-mail's
domain. An event's id is Zendesk's. A trigger gives none: there it is a digest of the body, so that two updates within a minute
that leave the ticket the same are one. Not confirmed: whether Zendesk escapes quotation marks in placeholders; if a title with
one is refused (`successplays_ingest_refused_total{source="zendesk"}`), leave `subject` out of the template.

Sources: https://developer.zendesk.com/documentation/webhooks/verifying/,
https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/,
https://support.zendesk.com/hc/en-us/articles/4408886858138 (placeholders)
"""

from collections.abc import Sequence
from typing import Any

from services.ingest.errors import Refused
from services.ingest.fetching.contract import Api, BasicApi, segment
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64
from services.ingest.sources.contract import Incoming, Mapped, Notified, Reported, SourceSettings, Told
from services.ingest.words.mapping import dig, picked, text_at
from services.ingest.words.tickets import change, status_of, ticket
from services.ingest.words.values import aliases, digest, email_of, id_of, kept, moment_of, text_of
from shared.instants import DAY
from shared.records import JsonObject

_PREFIX = "zen:event-type:"
_DETAIL = {
    "ticket_id": "detail.id",
    "subject": "detail.subject",
    "status": "detail.status",
    "priority": "detail.priority",
    "type": "detail.type",
    "assignee": "detail.assignee_id",
    "tags": "detail.tags",
    "requester_email": "requester.email",
}
_STATUS = {**_DETAIL, "status": "event.current", "old_status": "event.previous"}
_PRIORITY = {**_DETAIL, "priority": "event.current", "old_priority": "event.previous"}
_TEMPLATE = {
    "ticket_id": "ticket.id",
    "subject": "ticket.subject",
    "status": "ticket.status",
    "priority": "ticket.priority",
    "type": "ticket.type",
    "tags": "ticket.tags",
    "url": "ticket.url",
    "assignee": "ticket.assignee",
    "requester_email": "ticket.requester.email",
}
_CSAT = {
    "score": "satisfaction.rating",
    "comment": "satisfaction.comment",
    "ticket_id": "ticket.id",
    "respondent_email": "ticket.requester.email",
}

MAPPED = (
    Mapped("ticket.created", "ticket.created", _DETAIL),
    Mapped("ticket.solved", "ticket.status_changed to SOLVED or CLOSED", _STATUS),
    Mapped("ticket.reopened", "ticket.status_changed from SOLVED or CLOSED", _STATUS),
    Mapped("ticket.updated", "ticket.status_changed between others", _STATUS),
    Mapped("ticket.updated", "ticket.priority_changed", _PRIORITY),
    Mapped("ticket.created", "a trigger with `event: ticket.created`", _TEMPLATE),
    Mapped("ticket.solved", "a trigger with `event: ticket.solved`", _TEMPLATE),
    Mapped("ticket.reopened", "a trigger with `event: ticket.reopened`", _TEMPLATE),
    Mapped("ticket.updated", "a trigger with `event: ticket.updated`, or without `event`", _TEMPLATE),
    Mapped("csat.answered", "a trigger with `event: csat.answered`", _CSAT),
)
EXAMPLES = (
    b"""{"account_id": 12514403, "id": "01JH-4", "subject": "zen:ticket:5158", "time": "2026-03-01T11:59:58Z",
    "type": "zen:event-type:ticket.created", "zendesk_event_version": "2022-11-06", "event": {}, "detail": {"id": "5158",
    "status": "NEW", "priority": "URGENT", "type": "INCIDENT", "subject": "Export fails", "tags": ["export"],
    "requester_id": "7", "organization_id": "99", "assignee_id": null, "updated_at": "2026-03-01T11:59:58Z"}}""",
    b"""{"account_id": 12514403, "id": "01JH-5", "subject": "zen:ticket:5158", "time": "2026-03-01T11:59:59.125Z",
    "type": "zen:event-type:ticket.status_changed", "zendesk_event_version": "2022-11-06", "event": {"current": "SOLVED",
    "previous": "OPEN", "meta": {"sequence": {"id": "C2", "position": 1}}}, "detail": {"id": "5158", "status": "SOLVED",
    "priority": "URGENT", "requester_id": "7", "organization_id": "99"}}""",
    b"""{"event": "ticket.created", "ticket": {"id": "5159", "updated_at": "2026-03-01T11:59Z", "subject": "No invoice",
    "status": "Open", "priority": "-", "type": "Question", "tags": "billing vip", "url": "acme.zendesk.com/agent/tickets/5159",
    "assignee": "", "requester": {"id": "7", "email": "Ana@Acme.example"}, "organization": {"id": "99",
    "external_id": "acme"}}}""",
    b"""{"event": "csat.answered", "ticket": {"id": "5159", "updated_at": "2026-03-01T11:59Z", "requester": {"email":
    "ana@acme.example"}}, "satisfaction": {"rating": "Bad with comment", "comment": "slow"}}""",
    b"""{"account_id": 12514403, "id": "a540", "subject": "zen:organization:99", "time": "2026-03-01T11:00:00Z", "type":
    "zen:event-type:organization.created", "detail": {"id": "99", "name": "Acme"}, "event": {}}""",
)


class Settings(SourceSettings):
    """Zendesk's API, where the requester of a ticket is to be asked for."""

    api: BasicApi | None = None


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """The signature over the time and the body, and the time at most a day away."""
    written = incoming.headers.get("x-zendesk-webhook-signature-timestamp", "")
    moment = moment_of(written)
    recent = moment is not None and abs(moment - incoming.received_at) <= DAY
    content = written.encode("latin-1", "replace") + incoming.body
    return signed_base64(incoming.headers.get("x-zendesk-webhook-signature"), content, secrets) and recent


def read(incoming: Incoming, settings: Settings) -> list[Told]:
    """One event. Raises Refused: neither an event webhook's body nor the template's."""
    body = read_object(incoming.body)
    kind = text_at(body, "type") or ""
    if kind.startswith(_PREFIX):
        subject = text_at(body, "subject") or ""
        if settings.api is not None and subject.removeprefix("zen:ticket:") not in ("", subject):
            return [Notified(id=id_of(body.get("id"), body), thing=subject, vendor=body, occurred_at=moment_of(body.get("time")))]
        return [_event(body)]
    if isinstance(body.get("ticket"), dict):
        return [_triggered(body)]
    raise Refused("missing_field", "/type", "neither an event of Zendesk's nor a body with `ticket`, as the template has it")


async def fetch(notified: Notified, settings: Settings, api: Api) -> list[Reported]:
    """The event with its ticket's requester and organisation: `ticket`, `requester` and `organization` beside what was sent."""
    number = notified.thing.rpartition(":")[2]
    found = await api.get(f"/api/v2/tickets/{segment(number)}", {"include": "users,organizations"}) or {}
    asked = found.get("ticket")
    people = {
        "requester": dig(found, f"users[id={text_at(asked, 'requester_id')}]"),
        "organization": dig(found, f"organizations[id={text_at(asked, 'organization_id')}]"),
    }
    return [_event({**notified.vendor, "ticket": asked, **people})]


def _event(body: JsonObject) -> Reported:
    kind = str(body["type"]).removeprefix(_PREFIX)
    paths = {"ticket.status_changed": _STATUS, "ticket.priority_changed": _PRIORITY}.get(kind, _DETAIL)
    domain, _, identity = (text_at(body, "subject") or "").removeprefix("zen:").partition(":")
    person = text_at(body, "detail.requester_id") or (identity if domain == "user" else None)
    organization = text_at(body, "detail.organization_id") or (identity if domain == "organization" else None)
    email = dig(body, "requester.email") or dig(body, "detail.email")
    about = aliases(zendesk_org=organization, zendesk_user=person, email=email)
    return Reported(
        id=id_of(body.get("id"), body),
        name=_name(kind, body),
        vendor=body,
        about=about,
        occurred_at=moment_of(body.get("time")),
        properties=ticket(body, paths) if domain == "ticket" else {},
        same=tuple((f"zendesk:user:{person}", alias) for alias in about if domain == "user" and alias.startswith("email:")),
    )


def _name(kind: str, body: JsonObject) -> str:
    if kind == "ticket.status_changed":
        return change(status_of(dig(body, "event.previous")), status_of(dig(body, "event.current")))
    return "ticket.updated" if kind == "ticket.priority_changed" else normalise(kind) or "zendesk.event"


def _triggered(body: JsonObject) -> Reported:
    name = normalise(text_at(body, "event") or "") or "ticket.updated"
    return Reported(
        id=digest(body),
        name=name,
        vendor=body,
        about=aliases(
            zendesk_org=dig(body, "ticket.organization.id"),
            zendesk_user=dig(body, "ticket.requester.id"),
            email=dig(body, "ticket.requester.email"),
        ),
        occurred_at=moment_of(dig(body, "ticket.updated_at")),
        properties=_answer(body) if name == "csat.answered" else ticket(body, _TEMPLATE),
    )


def _answer(body: JsonObject) -> JsonObject:
    answer = kept(picked(body, _CSAT), {"score": _satisfaction, "ticket_id": text_of, "respondent_email": email_of})
    return {**answer, "scale": 1}


def _satisfaction(found: Any) -> int | None:
    """`Good`, `Good with comment`, `Bad`, `Bad with comment`: the only ratings that a placeholder has."""
    return {"good": 1, "bad": 0}.get((text_of(found) or "").lower().partition(" ")[0])
