"""HubSpot: tickets, deals and companies, by the webhooks of an app.

In HubSpot, Development, make a private app (or open yours): its webhooks have the target URL
`https://YOUR-HOST/v1/sources/hubspot`. Subscribe to Ticket created, `hs_pipeline_stage` and `hs_ticket_priority` changed, and
association changed; to Deal created and `dealstage` changed; to Company created and the properties that are traits to you. Its
scopes are `tickets` and, to read, `crm.objects.companies.read`, `crm.objects.contacts.read` and `crm.objects.deals.read`.

A webhook of HubSpot's tells an object's id and at most one property. With the app's access token each object is asked for
before it becomes an event; without `api` events come in all the same, with the little that they say:

    sources:
      hubspot:
        secret: "env:HUBSPOT_CLIENT_SECRET"
        url: "https://YOUR-HOST/v1/sources/hubspot"
        api: {token: "env:HUBSPOT_TOKEN"}
        stages: {"48207": solved}
        renewals: [renewal]
        traits: {plan: plan_name, mrr: monthly_revenue, renewal_date: renewal_date}

`url` is what HubSpot calls, as it signs that; without it, it is `https://` and the Host header. `stages` says what the ids of
your pipelines' stages mean (new, open, pending, on_hold, solved, closed); those of the first pipeline are known (1 new, 2
pending, 3 open, 4 closed), and with the API any stage in which a ticket has a closing date is closed. A deal is won in `won`
(default: closedwon) and lost in `lost` (closedlost), or when HubSpot says so. A deal that is won and whose pipeline or type is
among `renewals` is also `contract.renewed`. `traits` are properties of companies, over those that are in the table.

Verified is version 3 of the signature: client secret, method, URL, body and a time within 5 minutes. The account is that of the
associated company, else of its domain, else of the contact; a ticket or deal that has no company yet waits until it is
associated with one, if that is subscribed to. Ids are HubSpot's event id with those of the subscription and the object and the
time, as it promises no unique event id. Of a change that is fetched later, stage and priority are those that the webhook told;
what else is said of the thing is as it is when it is asked for.

Sources: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation,
https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-tickets-v3/guide
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from services.ingest.errors import Refused
from services.ingest.fetching.contract import Api, BearerApi, Rate, segment
from services.ingest.reading.json_read import kind_of, read_value
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64, within_tolerance
from services.ingest.sources.contract import Incoming, Mapped, Notified, Reported, SourceSettings, Told
from services.ingest.words.deals import contract, deal
from services.ingest.words.mapping import dig, picked, text_at
from services.ingest.words.tickets import change, ticket
from services.ingest.words.values import MILLISECOND, aliases, email_of, id_of, kept, moment_of, text_of, traits_of, truth_of
from shared.outbound.urls import HttpUrl
from shared.records import JsonObject

_TICKET = {
    "ticket_id": "objectId",
    "subject": "ticket.properties.subject",
    "status": "ticket.properties.hs_pipeline_stage",
    "priority": "ticket.properties.hs_ticket_priority",
    "type": "ticket.properties.hs_ticket_category",
    "assignee": "ticket.properties.hubspot_owner_id",
    "requester_email": "contact.properties.email",
}
_STAGE = {**_TICKET, "status": "propertyValue", "old_status": "ticket.propertiesWithHistory.hs_pipeline_stage"}
_PRIORITY = {**_TICKET, "priority": "propertyValue", "old_priority": "ticket.propertiesWithHistory.hs_ticket_priority"}
_DEAL = {
    "deal_id": "objectId",
    "title": "deal.properties.dealname",
    "stage": "deal.properties.dealstage",
    "amount": "deal.properties.amount",
    "currency": "deal.properties.deal_currency_code",
    "close_date": "deal.properties.closedate",
    "type": "deal.properties.dealtype",
    "owner": "deal.properties.hubspot_owner_id",
}
_DEALSTAGE = {**_DEAL, "stage": "propertyValue", "old_stage": "deal.propertiesWithHistory.dealstage"}
_CONTRACT = {"contract_id": "objectId", "amount": "deal.properties.amount", "currency": "deal.properties.deal_currency_code"}
_TRAITS = {
    "name": "name",
    "domain": "domain",
    "owner": "hubspot_owner_id",
    "stage": "lifecyclestage",
    "parent": "hs_parent_company_id",
}
MAPPED = (
    Mapped("ticket.created", "ticket.creation", _TICKET),
    Mapped("ticket.solved", "ticket.propertyChange of hs_pipeline_stage to a stage that is closed", _STAGE),
    Mapped("ticket.reopened", "ticket.propertyChange of hs_pipeline_stage from a stage that is closed", _STAGE),
    Mapped("ticket.updated", "ticket.propertyChange of hs_pipeline_stage between others", _STAGE),
    Mapped("ticket.updated", "ticket.propertyChange of hs_ticket_priority", _PRIORITY),
    Mapped("ticket.updated", "ticket.propertyChange of another property", _TICKET),
    Mapped("deal.created", "deal.creation", _DEAL),
    Mapped("deal.won", "deal.propertyChange of dealstage to one of `won`", _DEALSTAGE),
    Mapped("deal.lost", "deal.propertyChange of dealstage to one of `lost`", _DEALSTAGE),
    Mapped("deal.updated", "deal.propertyChange of dealstage between others", _DEALSTAGE),
    Mapped("deal.updated", "deal.propertyChange of another property", _DEAL),
    Mapped("contract.renewed", "deal.won, where its pipeline or type is one of `renewals`", _CONTRACT),
    Mapped("account.updated", "company.creation, company.propertyChange", {}, _TRAITS),
    Mapped("user.updated", "contact.creation, contact.propertyChange"),
)
EXAMPLES = (
    b"""[{"eventId": 1001, "subscriptionId": 51, "portalId": 62515, "appId": 54321, "occurredAt": 1772366398000,
    "subscriptionType":
    "ticket.creation", "attemptNumber": 0, "objectId": 5012, "changeFlag": "CREATED", "changeSource": "CRM_UI"}]""",
    b"""[{"eventId": 1002, "subscriptionId": 52, "portalId": 62515, "appId": 54321, "occurredAt": 1772366399000,
    "subscriptionType":
    "ticket.propertyChange", "attemptNumber": 0, "objectId": 5012, "propertyName": "hs_pipeline_stage", "propertyValue": "4",
    "changeSource": "CRM_UI"}, {"eventId": 1003, "subscriptionId": 53, "portalId": 62515, "appId": 54321, "occurredAt":
    1772366399500, "subscriptionType": "object.propertyChange", "objectTypeId": "0-3", "attemptNumber": 0, "objectId": 77,
    "propertyName": "dealstage", "propertyValue": "closedwon", "changeSource": "CRM_UI"}]""",
    b"""[{"eventId": 1004, "subscriptionId": 54, "portalId": 62515, "appId": 54321, "occurredAt": 1772366399700,
    "subscriptionType":
    "ticket.associationChange", "attemptNumber": 0, "fromObjectId": 5012, "toObjectId": 99, "associationType":
    "TICKET_TO_COMPANY", "associationRemoved": false, "isPrimaryAssociation": true, "changeSource": "USER"}, {"eventId": 1005,
    "subscriptionId": 55, "portalId": 62515, "appId": 54321, "occurredAt": 1772366399800, "subscriptionType":
    "company.propertyChange", "attemptNumber": 1, "objectId": 99, "propertyName": "lifecyclestage", "propertyValue":
    "customer", "changeSource": "CRM_UI"}]""",
)

_TYPES = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket"}
_PLURAL = {"contact": "contacts", "company": "companies", "deal": "deals", "ticket": "tickets"}
_ASKED = {
    "ticket": "subject,hs_pipeline,hs_pipeline_stage,hs_ticket_priority,hs_ticket_category,hubspot_owner_id,closed_date",
    "deal": "dealname,pipeline,dealstage,amount,deal_currency_code,closedate,dealtype,hubspot_owner_id,"
    "hs_is_closed_won,hs_is_closed",
    "contact": "email,firstname,lastname",
}
_HISTORY = {"ticket": "hs_pipeline_stage,hs_ticket_priority", "deal": "dealstage"}
# Of the pipeline that every portal begins with.
_STAGES = {"1": "new", "2": "pending", "3": "open", "4": "closed"}
# What HubSpot takes out of its percent-encoding before it signs.
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


class HubspotApi(BearerApi):
    """HubSpot's API; an app may ask 100 times in 10 seconds."""

    base_url: HttpUrl = "https://api.hubapi.com"
    rate: Rate = 8


class Settings(SourceSettings):
    """What the ids of this portal mean, and its API."""

    url: HttpUrl | None = None
    api: HubspotApi | None = None
    stages: Mapping[str, str] = {}
    won: tuple[str, ...] = ("closedwon",)
    lost: tuple[str, ...] = ("closedlost",)
    renewals: tuple[str, ...] = ()
    # Properties of a company, by our word for them.
    traits: Mapping[str, str] = {}


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """Version 3: the method, the URL as HubSpot writes it, the body and the time, which is of now."""
    moment = incoming.headers.get("x-hubspot-request-timestamp", "")
    url = settings.url or f"https://{incoming.headers.get('host', '')}{incoming.path}"
    content = f"{incoming.method}{decoded(url)}".encode() + incoming.body + moment.encode("latin-1", "replace")
    given = incoming.headers.get("x-hubspot-signature-v3")
    return signed_base64(given, content, secrets) and within_tolerance(moment, MILLISECOND, incoming.received_at)


def decoded(url: str) -> str:
    """The URL with those twelve characters in the clear that HubSpot has in the clear."""
    return _ENCODED.sub(lambda found: _DECODED[found[0].upper()], url)


def read(incoming: Incoming, settings: Settings) -> list[Told]:
    """Up to a hundred events. Raises Refused: no list of objects."""
    body = read_value(incoming.body)
    if not isinstance(body, list):
        raise Refused("wrong_type", "", f"this is {kind_of(body)}; HubSpot sends a list")
    for index, item in enumerate(body):
        if not isinstance(item, dict):
            raise Refused("not_an_object", f"/{index}", f"this is {kind_of(item)}; an object is needed")
    return [told for item in body for told in _told(item, settings)]


def _told(item: JsonObject, settings: Settings) -> Sequence[Told]:
    kind, action = _what(item)
    number = text_at(item, "objectId")
    if (
        settings.api is not None
        and kind in _PLURAL
        and number is not None
        and action in ("creation", "propertyChange", "restore")
    ):
        thing = f"{kind}:{number}"
        return [Notified(id=_id(item), thing=thing, vendor=item, occurred_at=moment_of(item.get("occurredAt"), MILLISECOND))]
    return _reported(item, settings)


async def fetch(notified: Notified, settings: Settings, api: Api) -> list[Reported]:
    """The event with its object, company and contact: `ticket` or `deal`, `company` and `contact` beside what was sent."""
    kind, _, number = notified.thing.partition(":")
    found = await _get(api, kind, number, settings)
    if found is None:
        return _reported(notified.vendor, settings)
    known = {kind: found}
    for other in ("company", "contact"):
        if other != kind and (associated := _associated(found, other)) is not None:
            known[other] = await _get(api, other, associated, settings) or {"id": associated}
    return _reported({**notified.vendor, **known}, settings)


async def _get(api: Api, kind: str, number: str, settings: Settings) -> JsonObject | None:
    properties = _ASKED.get(kind) or ",".join(dict.fromkeys({**_TRAITS, **settings.traits}.values()))
    asked = {"properties": properties}
    if kind in _HISTORY:
        asked |= {"propertiesWithHistory": _HISTORY[kind]}
    if kind != "company":
        asked |= {"associations": "companies" if kind == "contact" else "companies,contacts"}
    return await api.get(f"/crm/v3/objects/{_PLURAL[kind]}/{segment(number)}", asked)


def _associated(found: JsonObject, other: str) -> str | None:
    """The id of the primary one, which is the one whose association has no label of its own."""
    results = dig(found, f"associations.{_PLURAL[other]}.results")
    each = [result for result in results if isinstance(result, dict)] if isinstance(results, list) else []
    each.sort(key=lambda result: "unlabeled" in str(result.get("type")))
    return next((number for result in each if (number := text_at(result, "id")) is not None), None)


def _what(item: JsonObject) -> tuple[str, str]:
    """What it is about and what happened: `ticket`, `creation`. The newer webhooks say `object.creation` and a type's id."""
    kind, _, action = (text_at(item, "subscriptionType") or "").partition(".")
    if kind == "object":
        number = text_at(item, "objectTypeId") or text_at(item, "fromObjectTypeId") or ""
        kind = _TYPES.get(number, kind)
    return kind, action


def _id(item: JsonObject) -> str:
    parts = [text_at(item, word) for word in ("eventId", "subscriptionId", "objectId", "occurredAt")]
    unrepeated = {word: each for word, each in item.items() if word != "attemptNumber"}
    return id_of(":".join(part or "" for part in parts) if parts[0] is not None else None, unrepeated)


def _reported(item: JsonObject, settings: Settings) -> list[Reported]:
    kind, action = _what(item)
    words = _words(kind, item, settings)
    name = _name(kind, action, item, words, settings)
    event = Reported(
        id=_id(item),
        name=name,
        vendor=item,
        about=_about(kind, item),
        occurred_at=moment_of(item.get("occurredAt"), MILLISECOND),
        properties=words,
        traits=_traits(item, settings) if name == "account.updated" else None,
        user_traits=_user_traits(item) if name == "user.updated" else None,
        same=_same(kind, action, item),
    )
    if name == "deal.won" and _renews(item, settings):
        renewed = {"id": id_of(f"{event.id}:renewed"), "name": "contract.renewed", "properties": contract(words)}
        return [event, msgspec.structs.replace(event, **renewed)]
    return [event]


def _name(kind: str, action: str, item: JsonObject, words: JsonObject, settings: Settings) -> str:
    changed = item.get("propertyName") if action == "propertyChange" else None
    if kind == "ticket" and changed == "hs_pipeline_stage":
        return change(words.get("old_status"), words.get("status"))
    if kind == "deal" and changed == "dealstage":
        return _outcome(item, settings)
    own = {"creation": "created", "propertyChange": "updated"}.get(action)
    if kind in ("ticket", "deal") and own is not None:
        return f"{kind}.{own}"
    if kind in ("company", "contact") and own is not None:
        return {"company": "account.updated", "contact": "user.updated"}[kind]
    return normalise(f"{kind}.{action}") or "hubspot.event"


def _outcome(item: JsonObject, settings: Settings) -> str:
    stage = text_at(item, "propertyValue")
    # What HubSpot says of the deal is said of the stage that it is in now.
    current = dig(item, "deal.properties") if stage == text_at(item, "deal.properties.dealstage") else None
    if stage in settings.won or truth_of(dig(current, "hs_is_closed_won")):
        return "deal.won"
    return "deal.lost" if stage in settings.lost or truth_of(dig(current, "hs_is_closed")) else "deal.updated"


def _words(kind: str, item: JsonObject, settings: Settings) -> JsonObject:
    changed = item.get("propertyName")
    if kind == "deal":
        words = deal(item, _DEALSTAGE if changed == "dealstage" else _DEAL)
        return {**words, **_before(item, "deal", "dealstage", "old_stage")}
    if kind != "ticket":
        return {}
    paths = {"hs_pipeline_stage": _STAGE, "hs_ticket_priority": _PRIORITY}.get(str(changed), _TICKET)
    now = ticket(item, paths)
    before = {
        **_before(item, "ticket", "hs_pipeline_stage", "old_status"),
        **_before(item, "ticket", "hs_ticket_priority", "old_priority"),
    }
    words = {**now, **ticket(before, {word: word for word in before})}
    stages: JsonObject = {word: _stage(words[word], item, settings) for word in ("status", "old_status") if word in words}
    return words | stages


def _stage(stage: str, item: JsonObject, settings: Settings) -> str:
    known = settings.stages.get(stage) or _STAGES.get(stage)
    is_current = stage == text_at(item, "ticket.properties.hs_pipeline_stage")
    closed = is_current and text_at(item, "ticket.properties.closed_date") is not None
    return known or ("closed" if closed else stage)


def _before(item: JsonObject, kind: str, name: str, word: str) -> JsonObject:
    """What a property was before it was changed, out of its history."""
    history = dig(item, f"{kind}.propertiesWithHistory.{name}")
    if item.get("propertyName") != name or not isinstance(history, list):
        return {}
    at, value = moment_of(item.get("occurredAt"), MILLISECOND), text_at(item, "propertyValue")
    each = [(moment_of(dig(entry, "timestamp")), text_at(entry, "value")) for entry in history]
    earlier = [
        (moment, was) for moment, was in each if moment is not None and was not in (None, value) and (at is None or moment <= at)
    ]
    return {word: max(earlier)[1]} if earlier else {}


def _about(kind: str, item: JsonObject) -> tuple[str, ...]:
    number = text_at(item, "objectId") or text_at(item, "fromObjectId")
    itself = {f"hubspot_{kind}": number} if kind in _PLURAL else {}
    found = aliases(
        hubspot_company=dig(item, "company.id"),
        domain=dig(item, "company.properties.domain"),
        hubspot_contact=dig(item, "contact.id"),
        email=dig(item, "contact.properties.email"),
    )
    return tuple(dict.fromkeys([*found, *aliases(**itself)]))


def _same(kind: str, action: str, item: JsonObject) -> tuple[tuple[str, str], ...]:
    """A ticket, deal or contact that is associated with a company is about it from then on."""
    toward = text_at(item, "associationType") or f"TO_{_TYPES.get(text_at(item, 'toObjectTypeId') or '', '').upper()}"
    if action != "associationChange" or truth_of(item.get("associationRemoved")) or not toward.endswith("TO_COMPANY"):
        return ()
    one = aliases(**{f"hubspot_{kind}": item.get("fromObjectId")})
    return tuple(zip(one, aliases(hubspot_company=item.get("toObjectId")), strict=False)) if kind in _PLURAL else ()


def _renews(item: JsonObject, settings: Settings) -> bool:
    return any(text_at(item, f"deal.properties.{name}") in settings.renewals for name in ("pipeline", "dealtype"))


def _traits(item: JsonObject, settings: Settings) -> JsonObject:
    known = dig(item, "company.properties")
    changed = {str(item.get("propertyName")): item.get("propertyValue")}
    return traits_of(picked(known if isinstance(known, dict) else changed, {**_TRAITS, **settings.traits}))


def _user_traits(item: JsonObject) -> JsonObject:
    known = dig(item, "contact.properties")
    name = " ".join(filter(None, (text_at(known, "firstname"), text_at(known, "lastname"))))
    return kept({"email": dig(known, "email"), "name": name}, {"email": email_of, "name": text_of})
