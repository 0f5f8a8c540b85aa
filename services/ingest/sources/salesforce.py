"""Salesforce: cases, opportunities, accounts and contacts, by outbound messages.

In Setup, Outbound Messages, make one each for Case, Opportunity, Account and Contact: the endpoint URL is
`https://YOUR-HOST/v1/sources/salesforce/TOKEN`, without `Send Session ID`, with the fields of the table below that you want to
be told (`Id` is always among them), and `CreatedDate`, `LastModifiedDate`, for a case `AccountId`, `ContactId`, `IsClosed` and
`ContactEmail`, for an opportunity `AccountId`, `IsWon` and `IsClosed`. Record-triggered flows send them, each with the
condition under which it is news: an opportunity whose `StageName` is changed, a case that is created or whose `Status` is
changed, an account whose `Plan__c` is changed.

    sources:
      salesforce:
        token: "env:SALESFORCE_TOKEN"
        organization: 00D5f000000abcDEAQ
        events: {04k5f000000abcDAAQ: ticket.reopened}
        renewals: [Renewal]
        traits: {plan: Plan__c, mrr: MRR__c, renewal_date: Renewal_Date__c}

Salesforce signs nothing: proven are the token and, with `organization`, the id of your organisation (Setup, Company
Information). Nor does a message say what happened, only how things are: a case that is closed is solved, an opportunity that is
won is won, what was last changed when it was created is created, all else is updated. `events` says it exactly, by the
message's id (the end of its URL in Setup); a case that is opened again can be told in no other way. Without `IsWon` and
`IsClosed` the stages `won` (Closed Won) and `lost` (Closed Lost) tell. An opportunity that is won and whose `Type` is among
`renewals` is also `contract.renewed`. `traits` are fields of Account, over those that are in the table. Where accounts have
your id in a field, `account: sObject.Our_Id__c` says so.

The account is that of `salesforce:account:` and its id (the 15 characters that reports show are the same as the 18 of messages),
else of the contact and the e-mail's domain. An event's id is the notification's, which is the same when Salesforce sends it
again (for 24 hours, in no order, until it is acknowledged; and sometimes afterwards). A session's id is not kept, should one be
sent. A document type in the XML is refused, and so are its entities.

Sources: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_understanding.htm,
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunity.htm
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from services.ingest.errors import Refused
from services.ingest.reading.names import normalise
from services.ingest.reading.xml_read import Element, read_xml
from services.ingest.sources.contract import Answer, Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.deals import contract, deal
from services.ingest.words.mapping import dig, picked, text_at
from services.ingest.words.tickets import DONE, ticket
from services.ingest.words.values import aliases, email_of, id_of, kept, moment_of, text_of, traits_of, truth_of
from shared.records import JsonObject

_CASE = {
    "ticket_id": "sObject.Id",
    "subject": "sObject.Subject",
    "status": "sObject.Status",
    "priority": "sObject.Priority",
    "type": "sObject.Type",
    "assignee": "sObject.OwnerId",
    "requester_email": "sObject.ContactEmail | sObject.SuppliedEmail",
}
_OPPORTUNITY = {
    "deal_id": "sObject.Id",
    "title": "sObject.Name",
    "stage": "sObject.StageName",
    "amount": "sObject.Amount",
    "currency": "sObject.CurrencyIsoCode",
    "close_date": "sObject.CloseDate",
    "type": "sObject.Type",
    "owner": "sObject.OwnerId",
}
_CONTRACT = {"contract_id": "sObject.Id", "amount": "sObject.Amount", "currency": "sObject.CurrencyIsoCode"}
_TRAITS = {"name": "Name", "domain": "Website", "owner": "OwnerId", "stage": "Type", "parent": "ParentId"}
MAPPED = (
    Mapped("ticket.created", "Case, changed last when it was created", _CASE),
    Mapped("ticket.solved", "Case with IsClosed, or with the status Closed", _CASE),
    Mapped("ticket.reopened", "Case, where `events` says so", _CASE),
    Mapped("ticket.updated", "Case otherwise", _CASE),
    Mapped("deal.created", "Opportunity, changed last when it was created", _OPPORTUNITY),
    Mapped("deal.won", "Opportunity with IsWon, or in a stage of `won`", _OPPORTUNITY),
    Mapped("deal.lost", "Opportunity with IsClosed, or in a stage of `lost`", _OPPORTUNITY),
    Mapped("deal.updated", "Opportunity otherwise", _OPPORTUNITY),
    Mapped("contract.renewed", "deal.won, where Type is one of `renewals`", _CONTRACT),
    Mapped("account.updated", "Account", {}, _TRAITS),
    Mapped("user.updated", "Contact"),
)
_ENVELOPE = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>"""
_NOTIFICATIONS = (
    _ENVELOPE
    % b"""<notifications xmlns="http://soap.sforce.com/2005/09/outbound">
<OrganizationId>00D5f000000abcDEAQ</OrganizationId><ActionId>04k5f000000abcDAAQ</ActionId><SessionId xsi:nil="true"/>
<EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/60.0/00D5f000000abcD</EnterpriseUrl>
<PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/60.0/00D5f000000abcD</PartnerUrl>%s</notifications>"""
)
EXAMPLES = (
    _NOTIFICATIONS
    % b"""<Notification><Id>04l5f000000aaaAAAQ</Id>
<sObject xsi:type="sf:Case" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>5005f000000aaaAAAQ</sf:Id>
<sf:AccountId>0015f000000aaaAAAQ</sf:AccountId><sf:ContactEmail>Ana@Acme.example</sf:ContactEmail>
<sf:CreatedDate>2026-03-01T11:59:58.000Z</sf:CreatedDate><sf:IsClosed>false</sf:IsClosed>
<sf:LastModifiedDate>2026-03-01T11:59:58.000Z</sf:LastModifiedDate><sf:Priority>High</sf:Priority><sf:Status>New</sf:Status>
<sf:Subject>Export &amp; import fail</sf:Subject></sObject></Notification>""",
    _NOTIFICATIONS
    % b"""<Notification><Id>04l5f000000aabAAAQ</Id>
<sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>0065f000000aaaAAAQ</sf:Id>
<sf:AccountId>0015f000000aaaAAAQ</sf:AccountId><sf:Amount>12000.5</sf:Amount><sf:CloseDate>2026-03-01</sf:CloseDate>
<sf:IsClosed>true</sf:IsClosed><sf:IsWon>true</sf:IsWon><sf:Name>Acme 2027</sf:Name><sf:StageName>Closed Won</sf:StageName>
<sf:Type>Renewal</sf:Type></sObject></Notification><Notification><Id>04l5f000000aacAAAQ</Id>
<sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>0015f000000aaaAAAQ</sf:Id>
<sf:Name>Acme</sf:Name><sf:Website>www.acme.example</sf:Website><sf:OwnerId>0055f000000aaaAAAQ</sf:OwnerId>
<sf:ParentId xsi:nil="true"/></sObject></Notification>""",
)
_ACKNOWLEDGED = (
    _ENVELOPE % b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
)
_INSTANCE = re.compile(r"https://[a-z0-9.-]+", re.IGNORECASE)


class Settings(SourceSettings):
    """What the stages, types and messages of this organisation mean."""

    organization: str | None = None
    # By the id of the outbound message, which event of ours it is.
    events: Mapping[str, str] = {}
    won: tuple[str, ...] = ("Closed Won",)
    lost: tuple[str, ...] = ("Closed Lost",)
    renewals: tuple[str, ...] = ()
    # Fields of Account, by our word for them.
    traits: Mapping[str, str] = {}

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Events that are in no form of ours."""
        wrong = [(action, name) for action, name in self.events.items() if normalise(name) != name]
        return [
            (("events", action), f"{name!r} is no name of an event: object.past_verb in lower case") for action, name in wrong
        ]


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """Up to a hundred notifications. Raises Refused: no outbound message, or another organisation's."""
    message = read_xml(incoming.body).first("Body", "notifications")
    if message is None:
        raise Refused("missing_field", "/Envelope/Body/notifications", "this is no outbound message")
    about = {name: _text(message, name) for name in ("OrganizationId", "ActionId", "EnterpriseUrl")}
    # An id of 15 characters and its form of 18 are the same.
    if settings.organization is not None and (about["OrganizationId"] or "")[:15] != settings.organization[:15]:
        raise Refused("not_allowed", "/Envelope/Body/notifications/OrganizationId", "this is another organisation's")
    return [event for notification in message.all("Notification") for event in _events(_object(notification, about), settings)]


def answer(incoming: Incoming, stored: int) -> Answer:
    """The acknowledgement, without which Salesforce sends it again."""
    return Answer(_ACKNOWLEDGED, "text/xml; charset=utf-8")


def _text(element: Element, name: str) -> str | None:
    found = element.first(name)
    return None if found is None or truth_of(found.attributes.get("nil")) else found.text or None


def _object(notification: Element, about: Mapping[str, str | None]) -> JsonObject:
    """The notification as an object: its `Id`, its `sObject` by field, and what is said of the message."""
    sent = notification.first("sObject") or Element("sObject")
    fields = {child.name: _text(sent, child.name) for child in sent.children}
    return {
        **about,
        "Id": _text(notification, "Id"),
        "sObject": {"type": sent.attributes.get("type", "").rpartition(":")[2], **fields},
    }


def _events(vendor: JsonObject, settings: Settings) -> Sequence[Reported]:
    kind = str(dig(vendor, "sObject.type"))
    # Setup shows ids of 15 characters, messages have those of 18: the same ones.
    by_message = {action[:15]: name for action, name in settings.events.items()}
    name = by_message.get((text_at(vendor, "ActionId") or "")[:15]) or _name(kind, vendor, settings)
    words = _words(kind, vendor)
    about = _about(kind, vendor)
    event = Reported(
        id=id_of(vendor["Id"], vendor),
        name=name,
        vendor=vendor,
        about=about,
        occurred_at=moment_of(dig(vendor, "sObject.LastModifiedDate") or dig(vendor, "sObject.SystemModstamp")),
        properties=words,
        traits=traits_of(picked(vendor["sObject"], {**_TRAITS, **settings.traits})) if kind == "Account" else None,
        user_traits=_user_traits(vendor) if kind == "Contact" else None,
        same=tuple(_same(about)) if kind == "Contact" else (),
    )
    if name == "deal.won" and words.get("type") in settings.renewals:
        renewed = {"id": id_of(f"{event.id}:renewed"), "name": "contract.renewed", "properties": contract(words)}
        return [event, msgspec.structs.replace(event, **renewed)]
    return [event]


def _name(kind: str, vendor: JsonObject, settings: Settings) -> str:
    if kind in ("Account", "Contact"):
        return {"Account": "account.updated", "Contact": "user.updated"}[kind]
    created, modified = dig(vendor, "sObject.CreatedDate"), dig(vendor, "sObject.LastModifiedDate")
    happened = "created" if created is not None and created == modified else "updated"
    closed = truth_of(dig(vendor, "sObject.IsClosed"))
    if kind == "Case":
        solved = closed if closed is not None else ticket(vendor, _CASE).get("status") in DONE
        return "ticket.solved" if solved else f"ticket.{happened}"
    if kind == "Opportunity":
        stage = text_at(vendor, "sObject.StageName")
        if truth_of(dig(vendor, "sObject.IsWon")) or stage in settings.won:
            return "deal.won"
        return "deal.lost" if closed or stage in settings.lost else f"deal.{happened}"
    # Of objects of the customer's own making only their name is known.
    return normalise(f"{kind.removesuffix('__c') or 'salesforce'}.{happened}")


def _words(kind: str, vendor: JsonObject) -> JsonObject:
    if kind == "Opportunity":
        return deal(vendor, _OPPORTUNITY)
    if kind != "Case":
        return {}
    instance = _INSTANCE.match(vendor["EnterpriseUrl"] or "")
    url = {} if instance is None else {"url": f"{instance[0]}/{text_at(vendor, 'sObject.Id') or ''}"}
    return {**ticket(vendor, _CASE), **url}


def _about(kind: str, vendor: JsonObject) -> tuple[str, ...]:
    said = vendor["sObject"]
    return aliases(
        salesforce_account=said.get("Id") if kind == "Account" else said.get("AccountId"),
        salesforce_contact=said.get("Id") if kind == "Contact" else said.get("ContactId"),
        email=said.get("ContactEmail") or said.get("SuppliedEmail") or said.get("Email"),
        domain=said.get("Website") if kind == "Account" else None,
    )


def _user_traits(vendor: JsonObject) -> JsonObject:
    said = vendor["sObject"]
    name = said.get("Name") or " ".join(filter(None, (said.get("FirstName"), said.get("LastName"))))
    return kept({"email": said.get("Email"), "name": name}, {"email": email_of, "name": text_of})


def _same(about: Sequence[str]) -> Sequence[tuple[str, str]]:
    """A contact is about its account, else the same as its address."""
    contact = [alias for alias in about if alias.startswith("salesforce:contact:")]
    others = [alias for alias in about if alias not in contact]
    return [(one, others[0]) for one in contact if others]
