"""Stripe: subscriptions with their plan and MRR, invoices paid and not paid, customers.

In Workbench (or Developers), Webhooks, add the endpoint `https://YOUR-HOST/v1/sources/stripe` with the events `invoice.paid`,
`invoice.payment_failed`, `customer.created`, `customer.updated`, `customer.subscription.created`, `customer.subscription.updated`
and `customer.subscription.deleted`. The signing secret (`whsec_...`) is shown there; while one is rolled, name both:

    sources:
      stripe: {secret: ["env:STRIPE_SECRET", "env:STRIPE_SECRET_OLD"]}

An event is about `stripe:customer:ID`, and about the e-mail where Stripe sends one with it (invoices, customers). A customer that
is made with an e-mail is known by it from then on, so that its subscriptions find the account of that address or its domain. The
surest is an id of yours in the metadata of customers, subscriptions and invoices: `account: data.object.metadata.account_id`.

Traits come from subscriptions, by paths that can be changed one by one, and from customers. Where customers have several
subscriptions, the last to change would win: `subscriptions: several` takes no traits from them.

    sources:
      stripe:
        secret: "env:STRIPE_SECRET"
        account: data.object.metadata.account_id
        traits: {plan: metadata.plan_name, renewal_date: metadata.renewal}
        subscriptions: one

`mrr` is a month's price of all items together in the currency's main unit: unit amount by quantity, a year by 1/12, a week by
52/12, a day by 365/12. Counted are subscriptions that are active or past due; in any other status it is 0. Metered prices and
discounts are not in it, and there is none where a price is in tiers. Amounts in yen and its like have no smaller unit, dinars
have thousandths.

Verified is `Stripe-Signature`: one of its `v1`, the HMAC-SHA256 of `t.body`, with `t` at most 5 minutes off.
`invoice.payment_succeeded` comes beside `invoice.paid` for the same payment and keeps its own name, as all other types do. The
paths of the table and of `traits` begin at `data.object`. Stripe sends in no order: of two changes of one subscription the later
one by `occurred_at` may arrive first.

Sources: https://docs.stripe.com/webhooks, https://docs.stripe.com/api/events/types, https://docs.stripe.com/currencies
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, Literal

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import any_signed_hex, within_tolerance
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, picked, text_at
from services.ingest.words.values import aliases, email_of, id_of, kept, moment_of, number_of, text_of, traits_of
from shared.instants import SECOND, show_instant
from shared.records import JsonObject

_CUSTOMER = "customer.id | customer"
_PLAN = "price.nickname | price.lookup_key | price.product.name | price.product | plan.nickname | plan.id"
_PLANS = " | ".join([f"items.data.0.{path}" for path in _PLAN.split(" | ")] + ["plan.nickname", "plan.id"])
_INVOICE = {
    "invoice_id": "id",
    "currency": "currency",
    "attempt": "attempt_count",
    "next_attempt_at": "next_payment_attempt",
    "reason": "last_finalization_error.message",
    "subscription_id": "parent.subscription_details.subscription | subscription.id | subscription",
    "url": "hosted_invoice_url",
}
_SUBSCRIPTION = {
    "subscription_id": "id",
    "plan": _PLANS,
    "status": "status",
    "currency": "currency",
    "quantity": "items.data.0.quantity | quantity",
    "cancel_at": "cancel_at",
    "reason": "cancellation_details.reason | cancellation_details.feedback",
}
_TRAITS = {
    "plan": _PLANS,
    "currency": "currency",
    "seats": "items.data.0.quantity | quantity",
    "contract_start": "start_date",
    "renewal_date": "items.data.0.current_period_end | current_period_end",
    "payment_status": "status",
}
_CUSTOMER_TRAITS = {"name": "name", "billing": "email"}
_SUBSCRIPTIONS = {
    "customer.subscription.created": "subscription.created",
    "customer.subscription.updated": "subscription.changed",
    "customer.subscription.deleted": "subscription.cancelled",
}
_INVOICES = {"invoice.payment_failed": "amount_due", "invoice.paid": "amount_paid"}
_CUSTOMERS = ("customer.created", "customer.updated")
_COMPUTED = {"mrr": "items.data.*.price: unit_amount x quantity, by month"}
_CHANGED = {"old_plan": f"in data.previous_attributes: {_PLAN.replace(' | ', ', else ')}"}

MAPPED = (
    *(Mapped(name, name, {**_INVOICE, "amount": amount}) for name, amount in _INVOICES.items()),
    *(
        Mapped(ours, theirs, {**_SUBSCRIPTION, **_COMPUTED, **_CHANGED}, {**_TRAITS, **_COMPUTED})
        for theirs, ours in _SUBSCRIPTIONS.items()
    ),
    *(Mapped("account.updated", name, {}, _CUSTOMER_TRAITS) for name in _CUSTOMERS),
)
EXAMPLES = (
    b"""{"id": "evt_1", "object": "event", "api_version": "2026-01-28", "created": 1772366398, "type":
    "invoice.payment_failed", "livemode": true, "pending_webhooks": 1, "data": {"object": {"id": "in_1", "object":
    "invoice", "customer": "cus_1", "customer_email": "Billing@Acme.example", "amount_due": 4990, "amount_paid": 0,
    "currency": "eur", "attempt_count": 2, "next_payment_attempt": 1772625598, "hosted_invoice_url":
    "https://invoice.example/i/1", "status": "open", "metadata": {}, "parent": {"type": "subscription_details",
    "subscription_details": {"subscription": "sub_1", "metadata": {"account_id": "acme"}}}}}}""",
    b"""{"id": "evt_2", "object": "event", "created": 1772366398, "type": "customer.subscription.updated", "data":
    {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1", "currency": "eur", "status": "active",
    "start_date": 1740830398, "cancel_at": null, "cancellation_details": {"reason": null, "feedback": null},
    "metadata": {"account_id": "acme"}, "items": {"object": "list", "data": [{"id": "si_1", "quantity": 10,
    "current_period_end": 1775044798, "price": {"id": "price_1", "currency": "eur", "nickname": "Pro", "product":
    "prod_1", "unit_amount": 12000, "unit_amount_decimal": "12000", "recurring": {"interval": "year",
    "interval_count": 1, "usage_type": "licensed"}}}, {"id": "si_2", "quantity": 1, "price": {"unit_amount": 5000,
    "recurring": {"interval": "month", "interval_count": 1}}}]}}, "previous_attributes": {"items": {"data":
    [{"price": {"nickname": "Basic"}}]}}}}""",
    b"""{"id": "evt_3", "object": "event", "created": 1772366399, "type": "customer.subscription.deleted", "data":
    {"object": {"id": "sub_1", "customer": "cus_1", "currency": "eur", "status": "canceled", "cancellation_details":
    {"reason": "cancellation_requested", "feedback": "too_expensive"}, "items": {"data": [{"quantity": 10, "price":
    {"nickname": "Pro", "unit_amount": 12000, "recurring": {"interval": "year", "interval_count": 1}}}]}}}}""",
    b"""{"id": "evt_4", "object": "event", "created": 1772366400, "type": "customer.created", "data": {"object": {"id":
    "cus_1", "object": "customer", "name": "Acme GmbH", "email": "Billing@Acme.example", "metadata": {}}}}""",
    b"""{"id": "evt_5", "object": "event", "created": 1772366401, "type": "charge.dispute.created", "data": {"object":
    {"id": "dp_1", "object": "dispute", "amount": 4990}}}""",
)

# https://docs.stripe.com/currencies, zero-decimal and three-decimal. Uganda's and Iceland's money is sent in hundredths too.
_WHOLE = frozenset(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"])
_THOUSANDTHS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Intervals in a month.
_A_MONTH = {"day": Fraction(365, 12), "week": Fraction(52, 12), "month": Fraction(1), "year": Fraction(1, 12)}
_COUNTED = ("active", "past_due")


class Settings(SourceSettings):
    """Whose traits subscriptions are."""

    # Paths in the subscription, over those that are in the table.
    traits: Mapping[str, str] = {}
    subscriptions: Literal["one", "several"] = "one"


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """One of the `v1` signatures over `t.body` is ours, and `t` is of now."""
    parts = [part.strip().partition("=")[::2] for part in incoming.headers.get("stripe-signature", "").split(",")]
    moment = next((value for key, value in parts if key == "t"), "")
    content = moment.encode("latin-1", "replace") + b"." + incoming.body
    signed = any_signed_hex([value for key, value in parts if key == "v1"], content, secrets)
    return signed and within_tolerance(moment, SECOND, incoming.received_at)


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object, or none of Stripe's."""
    body = read_object(incoming.body)
    sent = text_at(body, "type") or ""
    name = normalise(sent)
    if not name:
        raise Refused("missing_field", "/type", "Stripe says here what happened")
    thing, before = dig(body, "data.object"), dig(body, "data.previous_attributes")
    is_customer = text_at(thing, "object") == "customer" or sent in _CUSTOMERS
    customer = text_at(thing, "id") if is_customer else text_of(first(thing, _CUSTOMER))
    email = email_of(first(thing, "email" if is_customer else "customer_email | receipt_email | billing_details.email"))
    properties, traits = _told(sent, thing, before, settings)
    newly_known = sent == "customer.created" or (isinstance(before, dict) and before.get("email", "") is None)
    return [
        Reported(
            id=id_of(body.get("id"), body),
            name=_SUBSCRIPTIONS.get(sent, "account.updated" if sent in _CUSTOMERS else name),
            vendor=body,
            about=aliases(stripe_customer=customer, email=email),
            occurred_at=moment_of(body.get("created")),
            properties=properties,
            traits=traits or None,
            # Once only: whoever is told later which account the customer is knows better.
            same=((f"stripe:customer:{customer}", f"email:{email}"),)
            if is_customer and newly_known and customer and email
            else (),
        )
    ]


def _told(sent: str, thing: Any, before: Any, settings: Settings) -> tuple[JsonObject, JsonObject]:
    """The properties and the traits, in our words."""
    if sent in _INVOICES:
        words = kept(picked(thing, _INVOICE), _READERS)
        amount = _money(dig(thing, _INVOICES[sent]), text_at(thing, "currency"))
        return words | ({} if amount is None else {"amount": amount}), {}
    if sent in _SUBSCRIPTIONS:
        return _subscription(thing, before, settings)
    if sent in _CUSTOMERS:
        return {}, kept(traits_of(picked(thing, _CUSTOMER_TRAITS)), {"billing": email_of})
    return {}, {}


def _subscription(thing: Any, before: Any, settings: Settings) -> tuple[JsonObject, JsonObject]:
    mrr = _mrr(thing)
    computed = {} if mrr is None else {"mrr": mrr}
    old_plan = text_of(first(before, _PLANS))
    words = kept(picked(thing, _SUBSCRIPTION), _READERS) | computed | ({} if old_plan is None else {"old_plan": old_plan})
    if settings.subscriptions == "several":
        return words, {}
    found = kept(picked(thing, {**_TRAITS, **settings.traits}), {word: _READERS[word] for word in _TRAITS})
    return words, traits_of(computed | found)


def _mrr(subscription: Any) -> float | None:
    """A month's price in the main unit of the currency; None where prices do not say it."""
    items = dig(subscription, "items.data")
    if not isinstance(items, list):
        return None
    if text_at(subscription, "status") not in _COUNTED:
        return 0.0
    parts = [_monthly(item) for item in items]
    total = None if None in parts else sum(part for part in parts if part is not None)
    return None if total is None else _money(total, text_at(subscription, "currency") or text_at(items, "0.price.currency"))


def _monthly(item: Any) -> Fraction | None:
    """An item's price for a month, in the smallest unit."""
    if first(item, "price.recurring.usage_type | plan.usage_type") == "metered":
        return Fraction(0)
    amount = number_of(first(item, "price.unit_amount_decimal | price.unit_amount | plan.amount_decimal | plan.amount"))
    a_month = _A_MONTH.get(str(first(item, "price.recurring.interval | plan.interval")))
    count = number_of(first(item, "price.recurring.interval_count | plan.interval_count"))
    quantity = number_of(dig(item, "quantity"))
    if amount is None or a_month is None or (count is not None and count <= 0):
        return None
    return Fraction(amount) * _packages(item, Fraction(1 if quantity is None else quantity)) * a_month / Fraction(count or 1)


def _packages(item: Any, quantity: Fraction) -> Fraction:
    """How many are paid for, where a price is for every so many of them."""
    size = number_of(dig(item, "price.transform_quantity.divide_by"))
    if size is None or size <= 0:
        return quantity
    rounded = ceil if dig(item, "price.transform_quantity.round") == "up" else floor
    return Fraction(rounded(quantity / Fraction(size)))


def _money(amount: Any, currency: str | None) -> float | None:
    """In the main unit of the currency, to its smallest one."""
    number = amount if isinstance(amount, Fraction) else number_of(amount)
    if number is None:
        return None
    code = (currency or "").lower()
    digits = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    try:
        return float(round(Fraction(number) / 10**digits, digits))
    except OverflowError:
        return None


def _date(found: Any) -> str | None:
    moment = moment_of(found)
    return None if moment is None else show_instant(moment)


def _capitals(found: Any) -> str | None:
    text = text_of(found)
    return None if text is None else text.upper()


_READERS = {
    "invoice_id": text_of,
    "subscription_id": text_of,
    "plan": text_of,
    "status": text_of,
    "payment_status": text_of,
    "reason": text_of,
    "url": text_of,
    "currency": _capitals,
    "attempt": number_of,
    "quantity": number_of,
    "seats": number_of,
    "next_attempt_at": _date,
    "cancel_at": _date,
    "contract_start": _date,
    "renewal_date": _date,
}
