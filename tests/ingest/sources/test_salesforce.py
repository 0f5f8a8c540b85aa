"""Salesforce: outbound messages in SOAP, proven by a token and the organisation's id."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from services.ingest.errors import Refused
from services.ingest.reading.xml_read import read_xml
from services.ingest.sources.contract import Incoming, Reported
from services.ingest.sources.salesforce import EXAMPLES, Settings, read
from shared.instants import parse_instant
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import Vendor, sending

VENDOR = Vendor("salesforce", headers={"content-type": "text/xml; charset=UTF-8"})
ACCOUNT = "salesforce:account:0015f000000aaaAAAQ"


def told(body: bytes, **settings: Any) -> list[Reported]:
    return read(Incoming("POST", "/", {}, {}, body, NOW), Settings.model_validate({"token": "env:X", **settings}))


def message(kind: str, *objects: dict[str, str], action: str = "04kAAA") -> bytes:
    """An outbound message with these objects, by their fields."""
    notifications = "".join(
        f'<Notification><Id>04l{index}</Id><sObject xsi:type="sf:{kind}" xmlns:sf="urn:s">'
        + "".join(f"<sf:{name}>{escape(value)}</sf:{name}>" for name, value in fields.items())
        + "</sObject></Notification>"
        for index, fields in enumerate(objects)
    )
    envelope = '<e:Envelope xmlns:e="urn:e" xmlns:xsi="urn:i"><e:Body><notifications xmlns="urn:n">'
    about = f"<OrganizationId>00D5f000000abcDEAQ</OrganizationId><ActionId>{action}</ActionId><SessionId>00D!secret</SessionId>"
    return f"{envelope}{about}{notifications}</notifications></e:Body></e:Envelope>".encode()


def one(kind: str, fields: dict[str, str], **settings: Any) -> Reported:
    return told(message(kind, {"Id": "001A", **fields}), **settings)[0]


CREATED = {"CreatedDate": "2026-03-01T11:59:58.000Z", "LastModifiedDate": "2026-03-01T11:59:58.000Z"}
CHANGED = {**CREATED, "LastModifiedDate": "2026-03-01T11:59:59.000Z"}


def test_a_case_is_a_ticket() -> None:
    (event,) = told(EXAMPLES[0])
    assert (event.id, event.name, event.about) == ("04l5f000000aaaAAAQ", "ticket.created", (ACCOUNT, "email:ana@acme.example"))
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "ticket_id": "5005f000000aaaAAAQ",
        "subject": "Export & import fail",
        "status": "new",
        "priority": "high",
        "requester_email": "ana@acme.example",
        "url": "https://acme.my.salesforce.com/5005f000000aaaAAAQ",
    }
    assert event.vendor["sObject"]["IsClosed"] == "false"


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("Case", {**CREATED, "Status": "New"}, "ticket.created"),
        ("Case", {**CHANGED, "Status": "Working"}, "ticket.updated"),
        ("Case", {"Status": "Working"}, "ticket.updated"),
        ("Case", {"Status": "Closed"}, "ticket.solved"),
        ("Case", {"Status": "Done", "IsClosed": "true"}, "ticket.solved"),
        ("Case", {"Status": "Closed", "IsClosed": "false"}, "ticket.updated"),
        ("Opportunity", {**CREATED, "StageName": "Prospecting"}, "deal.created"),
        ("Opportunity", {**CHANGED, "StageName": "Proposal"}, "deal.updated"),
        ("Opportunity", {"StageName": "Closed Won"}, "deal.won"),
        ("Opportunity", {"StageName": "Signed", "IsWon": "true", "IsClosed": "true"}, "deal.won"),
        ("Opportunity", {"StageName": "Closed Lost"}, "deal.lost"),
        ("Opportunity", {"StageName": "Dead", "IsWon": "false", "IsClosed": "true"}, "deal.lost"),
        ("Account", {}, "account.updated"),
        ("Contact", {}, "user.updated"),
        ("Design_Registration__c", CREATED, "design_registration.created"),
        ("", {}, "salesforce.updated"),
    ],
)
def test_what_it_is_is_told_by_how_things_are(kind: str, fields: dict[str, str], name: str) -> None:
    assert one(kind, fields).name == name


def test_or_by_the_message_that_was_sent() -> None:
    events = {"04k5f000000abcD": "ticket.reopened", "04k5f000000abcEAAQ": "ticket.solved"}
    of_messages = {"04k5f000000abcDAAQ": "ticket.reopened", "04k5f000000abcEAAQ": "ticket.solved", "04kOTHER": "ticket.updated"}
    for action, name in of_messages.items():
        (event,) = told(message("Case", {"Id": "500A", "Status": "Working"}, action=action), events=events)
        assert event.name == name


def test_a_renewal_that_is_won_renews_the_contract() -> None:
    (won, renewed, account) = told(EXAMPLES[1], renewals=["Renewal"])
    assert (won.name, won.about, won.properties) == (
        "deal.won",
        (ACCOUNT,),
        {
            "deal_id": "0065f000000aaaAAAQ",
            "title": "Acme 2027",
            "stage": "Closed Won",
            "amount": 12000.5,
            "close_date": "2026-03-01",
            "type": "Renewal",
        },
    )
    assert (renewed.name, renewed.id) == ("contract.renewed", "04l5f000000aabAAAQ:renewed")
    assert renewed.properties == {"contract_id": "0065f000000aaaAAAQ", "amount": 12000.5}
    assert (account.name, account.about) == ("account.updated", (ACCOUNT, "domain:acme.example"))
    assert account.traits == {"name": "Acme", "domain": "acme.example", "owner": "0055f000000aaaAAAQ"}
    assert [event.name for event in told(EXAMPLES[1])] == ["deal.won", "account.updated"]


def test_fields_of_the_customers_own_are_traits() -> None:
    fields = {"Plan__c": "pro", "MRR__c": "99.5", "Renewal__c": "2027-03-01"}
    paths = {"plan": "Plan__c", "mrr": "MRR__c", "renewal_date": "Renewal__c"}
    assert one("Account", fields, traits=paths).traits == {"plan": "pro", "mrr": 99.5, "renewal_date": "2027-03-01"}


def test_a_contact_is_about_its_account() -> None:
    event = one("Contact", {"AccountId": "001B", "Email": "Ana@acme.example", "FirstName": "Ana", "LastName": "Berg"})
    assert event.about == ("salesforce:account:001B", "salesforce:contact:001A", "email:ana@acme.example")
    assert event.same == (("salesforce:contact:001A", "salesforce:account:001B"),)
    assert event.user_traits == {"email": "ana@acme.example", "name": "Ana Berg"}


async def test_it_is_acknowledged_in_soap(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as salesforce:
        answer = await salesforce.send(message("Case", *({"Id": str(number)} for number in range(100))))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    acknowledged = read_xml(answer.content).first("Body", "notificationsResponse", "Ack")
    assert (acknowledged is not None and acknowledged.text, len(salesforce.journal.events)) == ("true", 100)


async def test_a_session_is_not_kept(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as salesforce:
        await salesforce.send(message("Case", {"Id": "500A"}))
        (entry,) = salesforce.entries
    assert b"secret" not in entry.value


@pytest.mark.parametrize(
    ("organization", "taken"),
    [("00D5f000000abcDEAQ", True), ("00D5f000000abcD", True), ("00D5f000000abcE", False), ("00D5f", False)],
)
def test_another_organisation_is_refused(organization: str, taken: bool) -> None:
    if taken:
        assert told(EXAMPLES[0], organization=organization)
        return
    with pytest.raises(Refused) as refused:
        told(EXAMPLES[0], organization=organization)
    assert refused.value.code == "not_allowed"


@pytest.mark.parametrize("body", [b"{}", b"<a/>", b"<!DOCTYPE a><a/>", b"<e><Body><other/></Body></e>"])
async def test_what_is_no_outbound_message_is_refused(tmp_path: Path, body: bytes) -> None:
    async with sending(VENDOR, tmp_path) as salesforce:
        answer = await salesforce.send(body)
    assert (answer.status_code, salesforce.entries) == (400, [])


def test_a_notification_of_any_shape_is_an_event() -> None:
    odd = b"<Notification/><Notification><sObject><Id><a/></Id></sObject></Notification>"
    first, second = told(b"<e><Body><notifications>" + odd + b"</notifications></Body></e>")
    assert first.id != second.id
    assert first.name == "salesforce.updated"


def test_a_name_that_is_none_is_a_problem() -> None:
    settings = Settings.model_validate({"token": "env:X", "events": {"04kA": "Ticket Reopened", "04kB": "ticket.reopened"}})
    assert [place for place, _ in settings.problems()] == [("events", "04kA")]
