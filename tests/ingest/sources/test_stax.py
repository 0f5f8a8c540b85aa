"""Stax: transactions, invoices and customers, whose event is in a header."""

from pathlib import Path

import pytest

from services.ingest.errors import Refused
from services.ingest.sources import stax
from services.ingest.sources.contract import Reported
from services.ingest.sources.stax import EXAMPLES
from shared.instants import parse_instant
from tests.ingest.sources.sending import TOKEN, Vendor, sending
from tests.ingest.sources.telling import altered, told

CHARGE, INVOICE, CUSTOMER = EXAMPLES
VENDOR = Vendor("stax", headers={"content-type": "application/json", "stax-event-name": "create_transaction"})


def event(name: str, body: object) -> Reported:
    return told(stax, body, {"stax-event-name": name})


def test_a_charge_without_success_is_a_payment_that_failed() -> None:
    failed = event("create_transaction", CHARGE)
    assert (failed.name, failed.about) == ("invoice.payment_failed", ("stax:customer:cu-1", "email:billing@acme.example"))
    assert failed.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert failed.properties == {"invoice_id": "in-7", "amount": 49.9, "currency": "USD", "reason": "Insufficient funds"}


def test_the_same_failure_told_twice_is_one() -> None:
    assert (
        event("create_transaction", CHARGE).id
        == event("update_transaction", altered(CHARGE, "updated_at", "2026-03-02 00:00:00")).id
    )


@pytest.mark.parametrize(("path", "value"), [("success", True), ("type", "refund"), ("success", None), ("success", "false")])
def test_another_transaction_keeps_its_name(path: str, value: object) -> None:
    other = event("create_transaction", altered(CHARGE, path, value))
    assert (other.name, other.properties) == ("transaction.created", {})


def test_a_paid_invoice_counts_once_for_each_payment() -> None:
    paid = event("update_invoice", INVOICE)
    assert (paid.name, paid.occurred_at) == ("invoice.paid", parse_instant("2026-03-01T11:59:59Z"))
    assert paid.properties == {"invoice_id": "in-7", "amount": 49.9, "url": "https://pay.example/in-7"}
    assert event("update_invoice", altered(INVOICE, "updated_at", "2026-03-09 00:00:00")).id == paid.id
    assert event("update_invoice", altered(INVOICE, "paid_at", "2026-03-09 00:00:00")).id != paid.id
    assert event("update_invoice", altered(INVOICE, "status", "SENT")).name == "invoice.updated"


def test_a_customer_tells_traits() -> None:
    customer = event("update_customer", CUSTOMER)
    assert (customer.name, customer.traits) == ("account.updated", {"name": "Acme", "billing": "billing@acme.example"})
    assert customer.about == ("stax:customer:cu-1", "email:billing@acme.example")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("create_dispute", "dispute.created"),
        ("update_transaction_settled", "transaction_settled.updated"),
        ("UPDATE_MERCHANT_STATUS", "merchant_status.updated"),
        ("boarding", "boarding"),
    ],
)
def test_all_else_keeps_its_name_in_our_order(sent: str, name: str) -> None:
    assert event(sent, {"id": "x", "updated_at": "2026-03-01 11:59:58"}).name == name


def test_a_changed_thing_is_another_event_and_a_repeat_is_not() -> None:
    first, again, later = (
        event("update_merchant", {"id": "x", "updated_at": at}) for at in ("2026-03-01", "2026-03-01", "2026-03-02")
    )
    assert first.id == again.id != later.id


def test_without_the_header_a_transaction_and_an_invoice_are_known_by_what_they_have() -> None:
    assert told(stax, CHARGE).name == "invoice.payment_failed"
    assert told(stax, INVOICE).name == "invoice.paid"
    with pytest.raises(Refused, match="stax-event-name"):
        told(stax, CUSTOMER)
    with pytest.raises(Refused):
        event("?", CUSTOMER)


async def test_the_token_may_be_the_password_of_basic_authentication(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as sender:
        for password, status in ((TOKEN, 200), ("another", 401)):
            answer = await sender.client.post("/v1/sources/stax", content=CHARGE, headers=VENDOR.headers, auth=("stax", password))
            assert answer.status_code == status
