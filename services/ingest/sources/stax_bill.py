"""Stax Bill (once Fusebill): subscriptions with their plan and MRR, invoices, payments, customers.

In Settings, Integrations, Webhooks, Create Webhooks Configuration: Generate Key, paste `https://YOUR-HOST/v1/sources/stax_bill`,
and add the events of customers, subscriptions, invoices and payments. The key is what proves each message:

    sources:
      stax_bill: {secret: "env:STAX_BILL_KEY", account: customer.reference}

`account` is wherever your account's id is in what Stax Bill sends (here the customer's `reference`); leave it out if there is
none. Then an event is about `stax_bill:customer:ID`, and about the customer's e-mail where it comes along.

Verified is that one of the message's headers is the key, as it was shown or once more in base64. The vendor says that the key is
in the header of every message and not in which, so all are looked at; nothing of the body is signed. Stax Bill waits 2 seconds
for an answer, and sends again after 1, 2 and 3 minutes.

Not confirmed, as the vendor's public pages do not show a message: what its fields are called. The event is looked for in
`eventType`, `event` and `type`; things in `customer`, `subscription`, `invoice` and `payment`, in `data`, or in the message
itself; and their fields as its API calls them. A capital at the beginning of a field makes no difference. Look at your first
message (`properties.stax_bill`), and say what is elsewhere; traits are changed one by one:

    sources:
      stax_bill:
        secret: "env:STAX_BILL_KEY"
        event: webhookEvent.name
        events: {SubscriptionActivated: subscription.created}
        traits: {plan: subscription.planName, mrr: subscription.netMonthlyRecurringRevenue}

An event without an id of its own (`eventId`, `messageId`) has the digest of its body.

Sources: https://support.staxbill.com/hc/en-us/articles/7815211088915-Configuring-Webhooks,
https://developer.fusebill.com/docs/webhooks
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import same_secret
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, picked, text_at
from services.ingest.words.values import aliases, email_of, id_of, kept, moment_of, number_of, text_of, traits_of
from shared.instants import show_instant
from shared.records import JsonObject

_NAME = "eventType | event | eventName | type"
_CUSTOMER = "customer.id | subscription.customerId | invoice.customerId | payment.customerId | customerId"
_PLAN = "subscription.planName | subscription.planCode | subscription.name"
_MRR = "subscription.monthlyRecurringRevenue | subscription.netMonthlyRecurringRevenue"
_STATUS = "subscription.status | subscription.subscriptionStatus"
_CURRENCY = "invoice.currency | payment.currency | subscription.currency | customer.currency"
_INVOICE = {
    "invoice_id": "invoice.id | payment.invoiceId",
    "amount": "payment.amount | invoice.outstandingBalance | invoice.invoiceAmount",
    "currency": _CURRENCY,
    "reason": "payment.gatewayErrorReason | payment.message",
    "subscription_id": "invoice.subscriptionId",
}
_SUBSCRIPTION = {
    "subscription_id": "subscription.id",
    "plan": _PLAN,
    "status": _STATUS,
    "mrr": _MRR,
    "currency": _CURRENCY,
    "cancel_at": "subscription.expiryDate | subscription.contractEndTimestamp",
    "reason": "subscription.cancellationReason",
}
_TRAITS = {
    "plan": _PLAN,
    "mrr": _MRR,
    "currency": _CURRENCY,
    "contract_start": "subscription.contractStartTimestamp",
    "renewal_date": "subscription.contractEndTimestamp | subscription.nextBillingDate",
    "payment_status": _STATUS,
}
_CUSTOMER_TRAITS = {"name": "customer.companyName", "billing": "customer.primaryEmail", "parent": "customer.parentId"}
_THINGS = ("subscription", "invoice", "payment", "customer")
# The vendor's events in our spelling, and what they are in our words.
_EVENTS = {
    "subscription.created": "subscription.created",
    "subscription.activated": "subscription.changed",
    "subscription.updated": "subscription.changed",
    "subscription.modified": "subscription.changed",
    "subscription.migrated": "subscription.changed",
    "subscription.cancelled": "subscription.cancelled",
    "subscription.canceled": "subscription.cancelled",
    "subscription.expired": "subscription.cancelled",
    "invoice.paid": "invoice.paid",
    "payment.failed": "invoice.payment_failed",
    "payment.declined": "invoice.payment_failed",
    "invoice_payment.failed": "invoice.payment_failed",
    "customer.created": "account.updated",
    "customer.updated": "account.updated",
    "customer.activated": "account.updated",
}

MAPPED = tuple(
    Mapped(
        ours,
        theirs,
        {} if ours == "account.updated" else _SUBSCRIPTION if ours.startswith("subscription.") else _INVOICE,
        _TRAITS if ours.startswith("subscription.") else _CUSTOMER_TRAITS if ours == "account.updated" else {},
    )
    for theirs, ours in _EVENTS.items()
)
EXAMPLES = (
    b"""{"EventType": "SubscriptionUpdated", "EventId": 90210, "Timestamp": "2026-03-01T11:59:58Z", "Customer": {"Id": 77,
    "Reference": "acme", "CompanyName": "Acme", "PrimaryEmail": "Billing@Acme.example"}, "Subscription": {"Id": 501,
    "CustomerId": 77, "PlanName": "Pro", "PlanCode": "pro", "Status": "Active", "MonthlyRecurringRevenue": 150.0, "Currency":
    "usd", "NextBillingDate": "2026-04-01T00:00:00Z"}}""",
    b"""{"eventType": "PaymentFailed", "eventId": "90211", "timestamp": "2026-03-01T11:59:59Z", "payment": {"id": 8, "customerId":
    77, "invoiceId": 3001, "amount": 49.9, "currency": "USD", "gatewayErrorReason": "Declined"}}""",
    b"""{"eventType": "CustomerUpdated", "data": {"id": 77, "companyName": "Acme", "primaryEmail": "billing@acme.example",
    "status": "Active"}}""",
)


class Settings(SourceSettings):
    """Where things are in a message."""

    # The path to the event's name, where it is none of those that are looked for.
    event: str | None = None
    # The vendor's events, and what they are; over those that are in the table.
    events: Mapping[str, str] = {}
    # Paths, over those that are in the table.
    traits: Mapping[str, str] = {}


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """One of the headers is the key; after `Basic` or the like it is too."""
    keys = [*secrets, *(base64.b64encode(secret) for secret in secrets)]
    found = [same_secret(value.rpartition(" ")[2], keys) for value in incoming.headers.values()]
    return any(found)


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object, or one in which nothing says what happened."""
    vendor = read_object(incoming.body)
    body = _spelt(vendor)
    sent = text_of(first(body, settings.event or _NAME)) or ""
    theirs = normalise(sent)
    if not theirs:
        raise Refused("missing_field", "/eventType", "nothing says what happened: `event` in the settings says where it is")
    things = _things(body, theirs)
    name = settings.events.get(sent) or _EVENTS.get(theirs, theirs)
    customer = text_of(first(things, _CUSTOMER))
    known = () if customer is None else (f"stax_bill:customer:{customer}",)
    return [
        Reported(
            id=id_of(first(body, "eventId | messageId"), vendor),
            name=name,
            vendor=vendor,
            account_id=None if settings.account is None else text_at(things, settings.account),
            about=(*known, *aliases(email=dig(things, "customer.primaryEmail"))),
            occurred_at=moment_of(first(body, "timestamp | eventTimestamp | createdTimestamp")),
            properties=_properties(name, things),
            traits=_traits(name, things, settings) or None,
        )
    ]


def _spelt(value: Any) -> Any:
    """The same with fields that begin in lower case."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _spelt(each) for key, each in value.items()}
    return [_spelt(each) for each in value] if isinstance(value, list) else value


def _things(body: JsonObject, theirs: str) -> JsonObject:
    """The body with its customer, subscription, invoice and payment at hand, wherever they are in it."""
    data = body.get("data")
    inner = data if isinstance(data, dict) else body
    named = {thing: inner[thing] for thing in _THINGS if isinstance(inner.get(thing), dict)}
    kind = theirs.partition(".")[0]
    return {**body, **named} if named or kind not in _THINGS else {**body, kind: inner}


def _properties(name: str, things: JsonObject) -> JsonObject:
    if name.startswith("invoice."):
        return kept(picked(things, _INVOICE), _READERS)
    return kept(picked(things, _SUBSCRIPTION), _READERS) if name.startswith("subscription.") else {}


def _traits(name: str, things: JsonObject, settings: Settings) -> JsonObject:
    if name == "account.updated":
        paths = _CUSTOMER_TRAITS | {word: path for word, path in settings.traits.items() if word not in _TRAITS}
    elif name.startswith("subscription."):
        paths = _TRAITS | {word: path for word, path in settings.traits.items() if word not in _CUSTOMER_TRAITS}
    else:
        return {}
    found = kept(picked(things, paths), {word: _READERS[word] for word in paths if word in _READERS})
    if name == "subscription.cancelled":
        found["mrr"] = 0
    return traits_of(found)


def _date(found: Any) -> str | None:
    moment = moment_of(found)
    return None if moment is None else show_instant(moment)


def _capitals(found: Any) -> str | None:
    text = text_of(found)
    return None if text is None else text.upper()


_READERS = {
    "invoice_id": text_of,
    "subscription_id": text_of,
    "amount": number_of,
    "mrr": number_of,
    "currency": _capitals,
    "plan": text_of,
    "status": text_of,
    "payment_status": text_of,
    "reason": text_of,
    "parent": text_of,
    "billing": email_of,
    "cancel_at": _date,
    "contract_start": _date,
    "renewal_date": _date,
}
