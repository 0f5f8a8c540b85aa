"""Stax (payments): charges that failed, invoices that were paid, customers, disputes.

Stax signs nothing, so the URL carries a token. In Settings, Webhooks, add `https://YOUR-HOST/v1/sources/stax/TOKEN` for the
events `create_transaction`, `update_invoice`, `create_customer`, `update_customer` and `create_dispute`:

    sources:
      stax: {token: "env:STAX_TOKEN", account: customer.reference}

`account` is wherever your account's id is in what Stax sends (here the customer's `reference`); leave it out if there is none.
Then an event is about `stax:customer:ID`, and about the customer's e-mail where it comes along.

What happened is in the header `stax-event-name`; the body is the thing itself, a transaction, an invoice or a customer. A charge
that did not succeed is `invoice.payment_failed`. An invoice whose status is PAID is `invoice.paid`, once for each `paid_at`:
later changes of the same invoice are repeats of it. All else keeps the vendor's name, turned to our order: `create_dispute` is
`dispute.created`. Amounts are in the main unit already.

Stax gives an event no id: it is made of the event's name, the thing's id and when it was changed last, so that what is sent again
is a repeat. This vendor's own documents do not show bodies; the fields are read from its API and from public receivers, and the
status of an invoice is not confirmed.

Sources: https://docs.staxpayments.com/docs/setting-up-your-webhooks, https://docs.staxpayments.com/docs/merchant-webhooks
"""

from typing import Any

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, picked, text_at
from services.ingest.words.values import aliases, digest, email_of, kept, moment_of, number_of, text_of, traits_of
from shared.records import JsonObject

_FAILED = {
    "invoice_id": "invoice_id | id",
    "amount": "total",
    "currency": "currency",
    "reason": "message",
    "subscription_id": "schedule_id",
}
_PAID = {
    "invoice_id": "id",
    "amount": "total_paid | total",
    "currency": "currency",
    "subscription_id": "schedule_id",
    "url": "url",
}
_TRAITS = {"name": "company", "billing": "email"}
_PAST = {"create": "created", "update": "updated", "delete": "deleted", "send": "sent"}
_CHARGES = ("create_transaction", "update_transaction")
_CUSTOMERS = ("create_customer", "update_customer")

MAPPED = (
    Mapped("invoice.payment_failed", "create_transaction, a charge without success", _FAILED),
    Mapped("invoice.paid", "update_invoice, status PAID", _PAID),
    *(Mapped("account.updated", event, {}, _TRAITS) for event in _CUSTOMERS),
    Mapped("transaction.created", "create_transaction, any other"),
    Mapped("dispute.created", "create_dispute"),
)
EXAMPLES = (
    b"""{"id": "9f11-42", "invoice_id": "in-7", "customer_id": "cu-1", "type": "charge", "success": false, "message":
    "Insufficient funds", "total": 49.9, "currency": "USD", "method": "card", "created_at": "2026-03-01 11:59:58",
    "updated_at": "2026-03-01 11:59:58", "customer": {"id": "cu-1", "company": "Acme", "email": "Billing@Acme.example",
    "reference": "acme"}}""",
    b"""{"id": "in-7", "customer_id": "cu-1", "status": "PAID", "total": 49.9, "total_paid": 49.9, "balance_due": 0, "url":
    "https://pay.example/in-7", "paid_at": "2026-03-01 11:59:59", "updated_at": "2026-03-01 12:00:00", "meta": {}}""",
    b"""{"id": "cu-1", "company": "Acme", "firstname": "Ana", "email": "Billing@Acme.example", "reference": "acme", "updated_at":
    "2026-03-01 11:59:57"}""",
)


class Settings(SourceSettings):
    """Nothing of its own."""


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object."""
    body = read_object(incoming.body)
    event = incoming.headers.get("stax-event-name", "").strip().lower() or _guessed(body)
    name = _name(event, body)
    customer = text_at(body, "id") if event in _CUSTOMERS else text_of(first(body, "customer_id | customer.id"))
    email = email_of(first(body, "email" if event in _CUSTOMERS else "customer.email"))
    return [
        Reported(
            id=_id(event, name, body),
            name=name,
            vendor=body,
            about=aliases(stax_customer=customer, email=email),
            occurred_at=moment_of(first(body, "paid_at | updated_at" if name == "invoice.paid" else "updated_at | created_at")),
            properties=_properties(name, body),
            traits=(kept(traits_of(picked(body, _TRAITS)), {"billing": email_of}) or None) if event in _CUSTOMERS else None,
        )
    ]


def _guessed(body: JsonObject) -> str:
    """What happened, where a proxy took the header away: a transaction says whether it succeeded, an invoice what is due."""
    if isinstance(body.get("success"), bool):
        return "create_transaction"
    if "balance_due" in body:
        return "update_invoice"
    raise Refused("missing_field", "", "the header stax-event-name says what happened, and it is not there")


def _name(event: str, body: JsonObject) -> str:
    if event in _CHARGES and body.get("success") is False and text_at(body, "type") in ("charge", None):
        return "invoice.payment_failed"
    if event == "update_invoice" and (text_at(body, "status") or "").upper() == "PAID":
        return "invoice.paid"
    if event in _CUSTOMERS:
        return "account.updated"
    verb, _, thing = event.partition("_")
    name = normalise(f"{thing}.{_PAST[verb]}" if thing and verb in _PAST else event)
    if not name:
        raise Refused("bad_value", "", "the header stax-event-name has neither a letter nor a digit")
    return name


def _id(event: str, name: str, body: JsonObject) -> str:
    thing = text_at(body, "id")
    if thing is None:
        return digest(event, body)
    if name == "invoice.paid":
        return digest(name, thing, dig(body, "paid_at"))
    if name == "invoice.payment_failed":
        # Created and updated without success is one failure.
        return digest(name, thing)
    return digest(event, thing, first(body, "updated_at | created_at"), dig(body, "status"))


def _properties(name: str, body: Any) -> JsonObject:
    if name == "invoice.payment_failed":
        return kept(picked(body, _FAILED), _READERS)
    return kept(picked(body, _PAID), _READERS) if name == "invoice.paid" else {}


def _capitals(found: Any) -> str | None:
    text = text_of(found)
    return None if text is None else text.upper()


_READERS = {
    "invoice_id": text_of,
    "amount": number_of,
    "currency": _capitals,
    "reason": text_of,
    "subscription_id": text_of,
    "url": text_of,
}
