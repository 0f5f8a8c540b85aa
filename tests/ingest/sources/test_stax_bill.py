"""Stax Bill: a key in some header, and fields that may be spelt either way."""

import base64
import json

import pytest

from services.ingest.errors import Refused
from services.ingest.sources import stax_bill
from services.ingest.sources.stax_bill import EXAMPLES
from shared.instants import Instant, parse_instant
from tests.ingest.sources.sending import Vendor
from tests.ingest.sources.telling import altered, incoming, told

SUBSCRIPTION, PAYMENT, CUSTOMER = EXAMPLES


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


VENDOR = Vendor("stax_bill", sign, signs_body=False)


@pytest.mark.parametrize(
    ("headers", "right"),
    [
        ({"x-key": "a-key"}, True),
        ({"x-key": "YS1rZXk="}, True),
        ({"authorization": "Basic YS1rZXk="}, True),
        ({"accept": "*/*", "x-any": "a-key"}, True),
        ({"x-key": "a-ke"}, False),
        ({"x-key": ""}, False),
        ({}, False),
    ],
)
def test_the_key_is_in_one_of_the_headers(headers: dict[str, str], right: bool) -> None:
    assert stax_bill.verified(incoming({}, headers), stax_bill.Settings(), [b"another", b"a-key"]) is right


def test_a_subscription_tells_plan_and_mrr() -> None:
    event = told(stax_bill, SUBSCRIPTION)
    assert (event.id, event.name) == ("90210", "subscription.changed")
    assert event.about == ("stax_bill:customer:77", "email:billing@acme.example")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {"subscription_id": "501", "plan": "Pro", "status": "Active", "mrr": 150.0, "currency": "USD"}
    assert event.traits == {
        "plan": "Pro",
        "mrr": 150.0,
        "currency": "USD",
        "renewal_date": "2026-04-01T00:00:00Z",
        "payment_status": "Active",
    }
    assert event.vendor == json.loads(SUBSCRIPTION)


def test_a_cancelled_one_is_worth_nothing_any_more() -> None:
    event = told(stax_bill, altered(SUBSCRIPTION, "EventType", "SubscriptionCancelled"))
    assert event.traits is not None
    assert (event.name, event.traits["mrr"]) == ("subscription.cancelled", 0)


def test_a_payment_that_failed() -> None:
    event = told(stax_bill, PAYMENT)
    assert (event.id, event.name, event.about) == ("90211", "invoice.payment_failed", ("stax_bill:customer:77",))
    assert event.properties == {"invoice_id": "3001", "amount": 49.9, "currency": "USD", "reason": "Declined"}


def test_the_thing_may_be_the_data_itself() -> None:
    event = told(stax_bill, CUSTOMER)
    assert (event.name, event.about) == ("account.updated", ("stax_bill:customer:77", "email:billing@acme.example"))
    assert event.traits == {"name": "Acme", "billing": "billing@acme.example"}
    assert event.id == told(stax_bill, CUSTOMER).id != told(stax_bill, altered(CUSTOMER, "data.companyName", "Ace")).id


def test_settings_say_what_is_elsewhere() -> None:
    body = {
        "hook": {"name": "PlanBought"},
        "subscription": {"id": 1, "planName": "Pro", "tier": "Gold"},
        "customer": {"ref": "acme"},
    }
    event = told(
        stax_bill,
        body,
        event="hook.name",
        events={"PlanBought": "subscription.created"},
        traits={"plan": "subscription.tier"},
        account="customer.ref",
    )
    assert (event.name, event.account_id, event.traits) == ("subscription.created", "acme", {"plan": "Gold"})


def test_the_account_is_found_however_fields_are_spelt() -> None:
    assert told(stax_bill, SUBSCRIPTION, account="customer.reference").account_id == "acme"


def test_another_event_keeps_its_name() -> None:
    event = told(stax_bill, {"eventType": "CreditCardExpiring", "customer": {"id": 5}})
    assert (event.name, event.about) == ("credit_card.expiring", ("stax_bill:customer:5",))


@pytest.mark.parametrize("body", [{}, {"eventType": None}, {"eventType": {"a": 1}}, {"eventType": "???"}])
def test_what_does_not_say_what_happened_is_refused(body: object) -> None:
    with pytest.raises(Refused):
        told(stax_bill, body)
