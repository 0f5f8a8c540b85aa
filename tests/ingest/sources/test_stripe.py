"""Stripe: subscriptions, invoices and customers."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.sources import stripe
from services.ingest.sources.stripe import EXAMPLES
from shared.instants import Instant, parse_instant
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import Vendor, seconds, sending
from tests.ingest.sources.telling import altered, incoming, told

INVOICE, CHANGED, CANCELLED, CUSTOMER, DISPUTE = EXAMPLES


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    mac = hmac.new(secret.encode(), f"{seconds(at)}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={seconds(at)},v1={mac},v0=00"}


VENDOR = Vendor("stripe", sign, timestamped=True)
# printf '1772366400.{"a":1}' | openssl dgst -sha256 -hmac whsec_shhh
MAC = "beb2710f66b564a02a58e1d2b122b56e872b9d087e1e911c92bc91d796c5a610"
OTHERS = (",v1=" + "0" * 64) * 100


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"t=1772366400,v1={MAC}", True),
        (f"t=1772366400, v1={'0' * 64}, v1={MAC}", True),
        (f"t=1772366400,v0={MAC}", False),
        (f"t=1772366400{OTHERS},v1={MAC}", True),
        (f"t=1772366400{OTHERS}", False),
        (f"t=1772366401,v1={MAC}", False),
        (f"v1={MAC}", False),
        (f"t=1772366400,{MAC}", False),
        ("t=,v1=", False),
        ("", False),
    ],
)
def test_a_vector_that_was_made_elsewhere(header: str, right: bool) -> None:
    request = incoming(b'{"a":1}', {"stripe-signature": header})
    assert NOW == 1_772_366_400_000_000
    assert stripe.verified(request, stripe.Settings(), [b"another", b"whsec_shhh"]) is right


def test_a_payment_that_failed() -> None:
    event = told(stripe, INVOICE)
    assert (event.id, event.name, event.traits) == ("evt_1", "invoice.payment_failed", None)
    assert event.about == ("stripe:customer:cus_1", "email:billing@acme.example")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "invoice_id": "in_1",
        "amount": 49.9,
        "currency": "EUR",
        "attempt": 2,
        "next_attempt_at": "2026-03-04T11:59:58Z",
        "subscription_id": "sub_1",
        "url": "https://invoice.example/i/1",
    }


def test_what_was_paid_is_the_amount_of_a_paid_invoice() -> None:
    body = altered(INVOICE, "type", "invoice.paid")
    body["data"]["object"]["amount_paid"] = 1000
    event = told(stripe, body)
    assert (event.name, event.properties["amount"]) == ("invoice.paid", 10.0)
    assert told(stripe, altered(INVOICE, "type", "invoice.payment_succeeded")).name == "invoice.payment_succeeded"


@pytest.mark.parametrize(("currency", "amount"), [("usd", 49.9), ("jpy", 4990.0), ("kwd", 4.99), ("ugx", 49.9), (None, 49.9)])
def test_amounts_are_in_the_main_unit(currency: str | None, amount: float) -> None:
    assert told(stripe, altered(INVOICE, "data.object.currency", currency)).properties["amount"] == amount


def test_a_subscription_tells_plan_and_mrr() -> None:
    event = told(stripe, CHANGED)
    # Ten seats of 120 a year are 100 a month, and 50 a month beside them.
    assert (event.name, event.properties["mrr"]) == ("subscription.changed", 150.0)
    assert (event.properties["plan"], event.properties["old_plan"], event.properties["quantity"]) == ("Pro", "Basic", 10)
    assert event.traits == {
        "plan": "Pro",
        "mrr": 150.0,
        "currency": "EUR",
        "seats": 10,
        "contract_start": "2025-03-01T11:59:58Z",
        "renewal_date": "2026-04-01T11:59:58Z",
        "payment_status": "active",
    }


def test_a_cancelled_one_is_worth_nothing_any_more() -> None:
    event = told(stripe, CANCELLED)
    assert (event.name, event.properties["reason"]) == ("subscription.cancelled", "cancellation_requested")
    assert event.traits is not None
    assert (event.traits["mrr"], event.traits["payment_status"]) == (0.0, "canceled")


def test_a_created_one_has_its_own_event() -> None:
    assert told(stripe, altered(CHANGED, "type", "customer.subscription.created")).name == "subscription.created"


@pytest.mark.parametrize(
    ("status", "mrr"), [("active", 150.0), ("past_due", 150.0), ("trialing", 0.0), ("unpaid", 0.0), ("paused", 0.0)]
)
def test_what_counts_is_active_or_past_due(status: str, mrr: float) -> None:
    assert told(stripe, altered(CHANGED, "data.object.status", status)).properties["mrr"] == mrr


def priced(quantity: Any = 1, **price: Any) -> JsonObject:
    """A subscription of one item in dollars."""
    item = {"quantity": quantity, "price": {"unit_amount": 1200, "recurring": {"interval": "month", "interval_count": 1}} | price}
    thing = {"id": "sub_1", "customer": "cus_1", "currency": "usd", "status": "active", "items": {"data": [item]}}
    return {"id": "evt_9", "type": "customer.subscription.updated", "data": {"object": thing}}


def every(count: Any, interval: str, **more: Any) -> JsonObject:
    return {"interval": interval, "interval_count": count, **more}


@pytest.mark.parametrize(
    ("body", "mrr"),
    [
        (priced(), 12.0),
        (priced(None), 12.0),
        (priced(0), 0.0),
        (priced(3), 36.0),
        (priced(recurring=every(3, "month")), 4.0),
        (priced(recurring=every(1, "year")), 1.0),
        (priced(recurring=every(2, "year")), 0.5),
        (priced(recurring=every(1, "week")), 52.0),
        (priced(recurring=every(1, "day")), 365.0),
        (priced(unit_amount=None, unit_amount_decimal="0.6", recurring=every(1, "month")), 0.01),
        (priced(recurring=every(1, "month", usage_type="metered")), 0.0),
        (priced(7, transform_quantity={"divide_by": 5, "round": "up"}), 24.0),
        (priced(7, transform_quantity={"divide_by": 5, "round": "down"}), 12.0),
        (priced(unit_amount=None, billing_scheme="tiered"), None),
        (priced(recurring=every(1, "decade")), None),
        (priced(recurring=every(0, "month")), None),
        (priced(recurring=None), None),
        (priced(unit_amount="many"), None),
    ],
)
def test_mrr(body: JsonObject, mrr: float | None) -> None:
    assert told(stripe, body).properties.get("mrr") == mrr


def test_plans_of_an_older_api_are_read_too() -> None:
    item = {"quantity": 2, "plan": {"id": "gold", "amount": 900, "interval": "month", "interval_count": 1}}
    body = priced()
    body["data"]["object"]["items"]["data"] = [item]
    event = told(stripe, body)
    assert (event.properties["plan"], event.properties["mrr"]) == ("gold", 18.0)


def test_paths_of_traits_can_be_changed_one_by_one() -> None:
    body = altered(CHANGED, "data.object.metadata", {"plan_name": "Gold"})
    event = told(stripe, body, traits={"plan": "metadata.plan_name", "owner": "metadata.csm"})
    assert event.traits is not None
    assert (event.traits["plan"], event.traits["mrr"], "owner" in event.traits) == ("Gold", 150.0, False)


def test_of_several_subscriptions_none_tells_traits() -> None:
    event = told(stripe, CHANGED, subscriptions="several")
    assert (event.traits, event.properties["mrr"]) == (None, 150.0)


def test_a_customer_is_the_account_and_known_by_its_address_from_its_beginning() -> None:
    event = told(stripe, CUSTOMER)
    assert (event.name, event.traits) == ("account.updated", {"name": "Acme GmbH", "billing": "billing@acme.example"})
    assert event.about == ("stripe:customer:cus_1", "email:billing@acme.example")
    assert event.same == (("stripe:customer:cus_1", "email:billing@acme.example"),)


@pytest.mark.parametrize(
    ("before", "learnt"), [({"email": None}, True), ({"email": "old@acme.example"}, False), ({"name": "A"}, False)]
)
def test_a_change_does_not_say_again_who_the_customer_is(before: JsonObject, learnt: bool) -> None:
    body = altered(CUSTOMER, "type", "customer.updated")
    body["data"]["previous_attributes"] = before
    assert bool(told(stripe, body).same) is learnt


def test_an_expanded_customer_is_the_same_customer() -> None:
    assert told(stripe, altered(CHANGED, "data.object.customer", {"id": "cus_1"})).about == ("stripe:customer:cus_1",)


def test_what_is_in_no_row_keeps_its_name() -> None:
    event = told(stripe, DISPUTE)
    assert (event.name, event.properties, event.about) == ("charge.dispute.created", {}, ())
    assert event.vendor == json.loads(DISPUTE)


async def test_the_metadata_may_name_the_account(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, account="data.object.metadata.account_id") as billing:
        await billing.send(CHANGED)
        (event,) = billing.journal.events
        ((key, mapping),) = billing.journal.mappings
    assert (event.account_id, event.about) == ("acme", None)
    assert key == mapping.alias
    assert (mapping.alias, mapping.account_id) == ("stripe:customer:cus_1", "acme")
