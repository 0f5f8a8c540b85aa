"""Front: conversations, by an app's webhook or by rules.

**An app's webhook**: Settings, Developers, your app (or a new one), Features, Webhooks: the URL is
`https://YOUR-HOST/v1/sources/front`; Front asks it for an answer to a challenge at once, so apply the source first. Choose
inbound messages, archived, reopened, snoozed and assigned conversations. What signs is the app's signing key.

**Rules**: in Settings, Webhooks (an integration to switch on), the URL is the same and the API secret signs; then rules use it
by their action `Send to webhook`, with the full event. Front sends these once and never again, so take the app's webhook if you
can.

    sources:
      front:
        secret: "env:FRONT_SIGNING_KEY"
        api: {token: "env:FRONT_TOKEN"}

A conversation is a ticket: it is created by the inbound message that begins it, solved when it is archived, opened again when
it is reopened. Previews have ids and links only; with a token of the API (Settings, Developers, API tokens; scopes for
conversations and contacts) what has no sender's address is asked for before it becomes an event, and so is the account of the
contact. Without `api` it comes in with the little that it says.

Verified is `X-Front-Signature`: of an app with the time, of a rule over the body alone. Front states no tolerance, so a day is
taken, and ids are the guard against what is sent again. The account is that of the contact's account in Front, else of the
contact, else of the e-mail's domain. An event's id is Front's, but for `ticket.created`: that has the conversation's, so that
there is one. Front does not say which message began a conversation: it is the one that comes within a minute of its beginning;
later ones are `inbound.received`. Not confirmed: that every contact names its account, and whether an app's webhook always has
the whole conversation (those that were seen had).

Sources: https://dev.frontapp.com/docs/application-webhooks, https://dev.frontapp.com/docs/rule-webhooks,
https://dev.frontapp.com/reference/events
"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from services.ingest.errors import Refused
from services.ingest.fetching.contract import Api, BearerApi, segment
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64
from services.ingest.sources.contract import Answer, Incoming, Mapped, Notified, Reported, SourceSettings, Told
from services.ingest.words.mapping import dig, first, text_at
from services.ingest.words.tickets import STATUSES, status_of, ticket
from services.ingest.words.values import MILLISECOND, aliases, email_of, id_of, moment_of
from shared.instants import DAY, MINUTE
from shared.outbound.urls import HttpUrl
from shared.records import JsonObject, encode

_CONVERSATION = {
    "ticket_id": "conversation.id",
    "subject": "conversation.subject",
    "status": "conversation.status",
    "assignee": "conversation.assignee.email",
    "requester_email": "conversation.recipient.handle",
}
# Of an app's webhook and of a rule's.
_EVENTS: Mapping[str, str] = {
    "inbound_received": "ticket.created",
    "inbound": "ticket.created",
    "conversation_archived": "ticket.solved",
    "archive": "ticket.solved",
    "conversation_reopened": "ticket.reopened",
    "reopen": "ticket.reopened",
    "conversation_snoozed": "ticket.updated",
    "conversation_snooze_expired": "ticket.updated",
    "reminder": "ticket.updated",
    "assignee_changed": "ticket.updated",
    "assign": "ticket.updated",
    "unassign": "ticket.updated",
}
_LATER = "inbound.received"
MAPPED = tuple(
    Mapped(event, f"{kind}, which begins the conversation" if event == "ticket.created" else kind, _CONVERSATION)
    for kind, event in _EVENTS.items()
)
EXAMPLES = (
    b"""{"type": "inbound_received", "authorization": {"id": "cmp_1"}, "payload": {"id": "evt_1", "type": "inbound",
    "emitted_at": 1772366398.93, "conversation": {"id": "cnv_1", "subject": "Export fails", "status": "unassigned",
    "assignee": null, "created_at": 1772366398.978, "recipient": {"handle": "Ana@Acme.example", "role": "from", "_links":
    {"related": {"contact": "https://acme.api.frontapp.com/contacts/crd_7"}}}, "tags": [{"id": "tag_1", "name": "vip"}]},
    "source": {"_meta": {"type": "inboxes"}, "data": [{"id": "inb_1"}]}, "target": {"_meta": {"type": "message"}, "data":
    {"id": "msg_1", "is_inbound": true}}}}""",
    b"""{"_links": {"self": "https://acme.api.frontapp.com/events/evt_2"}, "id": "evt_2", "type": "archive", "emitted_at":
    1772366399.5, "conversation": {"id": "cnv_1", "status": "archived", "_links": {"self":
    "https://acme.api.frontapp.com/conversations/cnv_1"}}, "source": {"_meta": {"type": "teammate"},
    "data": {"id": "tea_1"}}}""",
)
_STATUSES = {**STATUSES, "unassigned": "open", "assigned": "open", "archived": "closed", "waiting": "pending"}


class FrontApi(BearerApi):
    """Front's API; the smallest plan has 50 requests a minute."""

    base_url: HttpUrl = "https://api2.frontapp.com"
    rate: float = Field(default=0.8, gt=0, le=1_000)


class Settings(SourceSettings):
    """Front's API, for what webhooks do not say."""

    api: FrontApi | None = None


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """An app's signature over the time and the body, at most a day old; or a rule's, over the body."""
    given = incoming.headers.get("x-front-signature")
    written = incoming.headers.get("x-front-request-timestamp")
    if written is None:
        return signed_base64(given, incoming.body, secrets, "sha1")
    moment = moment_of(written, MILLISECOND)
    recent = moment is not None and abs(moment - incoming.received_at) <= DAY
    content = written.encode("latin-1", "replace") + b":" + incoming.body
    return signed_base64(given, content, secrets) and recent


def greet(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> Answer | None:
    """The challenge of Front's first request, which is signed as all are."""
    challenge = incoming.headers.get("x-front-challenge")
    if challenge is None or not verified(incoming, settings, secrets):
        return None
    return Answer(encode({"challenge": challenge}))


def read(incoming: Incoming, settings: Settings) -> list[Told]:
    """One event; none for Front's own check of the URL. Raises Refused: no event of Front's."""
    body = read_object(incoming.body)
    kind = text_at(body, "type")
    if kind is None:
        raise Refused("missing_field", "/type", "every event of Front's has a type")
    if kind == "sync":
        return []
    said = _said(body)
    conversation = text_at(said, "conversation.id")
    if settings.api is None or conversation is None or email_of(first(said, _CONVERSATION["requester_email"])) is not None:
        return [_event(body)]
    return [Notified(id=_id(body), thing=conversation, vendor=body, occurred_at=moment_of(said.get("emitted_at")))]


async def fetch(notified: Notified, settings: Settings, api: Api) -> list[Reported]:
    """The event with its conversation, and the `contact` who began it."""
    conversation = await api.get(f"/conversations/{segment(notified.thing)}")
    if conversation is None:
        return [_event(notified.vendor)]
    known = {**_said(notified.vendor), "conversation": conversation}
    contact = _contact(known)
    if contact is not None:
        known["contact"] = await api.get(f"/contacts/{segment(contact)}")
    return [_event({**notified.vendor, "payload": known} if "payload" in notified.vendor else known)]


def _said(body: JsonObject) -> JsonObject:
    """The event itself: of an app's webhook it is the payload."""
    payload = body.get("payload")
    return payload if isinstance(payload, dict) else body


def _id(body: JsonObject) -> str:
    return id_of(_said(body).get("id"), body)


def _event(body: JsonObject) -> Reported:
    said = _said(body)
    name = _name(str(body["type"]), said)
    number = text_at(said, "conversation.id")
    words = ticket(said, _CONVERSATION)
    status = {"status": status_of(words["status"], _STATUSES)} if "status" in words else {}
    url = {} if number is None else {"url": f"https://app.frontapp.com/open/{number}"}
    return Reported(
        id=id_of(f"{number}:created", body) if name == "ticket.created" and number is not None else _id(body),
        name=name,
        vendor=body,
        about=aliases(
            front_account=dig(said, "contact.account.id"),
            front_contact=_contact(said),
            email=words.get("requester_email"),
        ),
        occurred_at=moment_of(said.get("emitted_at")),
        properties={**words, **status, **url} if number is not None else {},
    )


def _name(kind: str, said: JsonObject) -> str:
    name = _EVENTS.get(kind) or normalise(kind) or "front.event"
    if name != "ticket.created":
        return name
    began, now = moment_of(dig(said, "conversation.created_at")), moment_of(said.get("emitted_at"))
    return name if began is not None and now is not None and abs(now - began) <= MINUTE else _LATER


def _contact(said: JsonObject) -> str | None:
    """The contact's id, which is the end of a link."""
    link = text_at(said, "conversation.recipient._links.related.contact") or ""
    number = link.rstrip("/").rpartition("/")[2]
    return number if number.startswith("crd_") else None
