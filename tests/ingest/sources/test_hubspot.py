"""HubSpot: what its webhooks say by themselves, and what becomes of it with the API."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.ingest.errors import Refused
from services.ingest.fetching.contract import Unfetched
from services.ingest.sources.contract import Incoming, Notified, Reported
from services.ingest.sources.hubspot import EXAMPLES, Settings, decoded, fetch, read
from shared.instants import SECOND, Instant, parse_instant
from shared.outbound.outcomes import TryAgain
from shared.records import JsonObject
from tests.ingest.conftest import NOW
from tests.ingest.sources.asked import AskedApi
from tests.ingest.sources.sending import SECRET, Vendor, sending

URL = "https://hooks.us.example/v1/sources/hubspot"


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    return signed(body, secret, at, URL)


def signed(body: bytes, secret: str, at: Instant, url: str) -> dict[str, str]:
    moment = str(at // 1000)
    content = b"POST" + url.encode() + body + moment.encode()
    mac = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()
    return {"x-hubspot-signature-v3": mac, "x-hubspot-request-timestamp": moment}


VENDOR = Vendor("hubspot", sign, timestamped=True, settings={"url": URL})
CREATED = json.loads(EXAMPLES[0])[0]
TICKET = {
    "id": "5012",
    "properties": {"subject": "Export fails", "hs_pipeline_stage": "1", "hs_ticket_priority": "HIGH", "hubspot_owner_id": "41"},
    "associations": {
        "companies": {
            "results": [{"id": "98", "type": "ticket_to_company_unlabeled"}, {"id": "99", "type": "ticket_to_company"}]
        },
        "contacts": {"results": [{"id": "7", "type": "ticket_to_contact"}]},
    },
}
COMPANY = {"id": "99", "properties": {"name": "Acme", "domain": "acme.example", "lifecyclestage": "customer", "plan_name": "pro"}}
CONTACT = {"id": "7", "properties": {"email": "Ana@Acme.example", "firstname": "Ana", "lastname": "Berg"}}
ANSWERS = {
    "/crm/v3/objects/tickets/5012": TICKET,
    "/crm/v3/objects/companies/99": COMPANY,
    "/crm/v3/objects/contacts/7": CONTACT,
}


def told(*items: JsonObject, **settings: Any) -> list[Any]:
    incoming = Incoming("POST", "/", {}, {}, json.dumps(items).encode(), NOW)
    return list(read(incoming, Settings.model_validate({"secret": "env:X", **settings})))


def bare(item: JsonObject, **settings: Any) -> Reported:
    (only,) = told(item, **settings)
    assert isinstance(only, Reported)
    return only


def changed(kind: str, name: str, value: str, **more: Any) -> JsonObject:
    return {**CREATED, "subscriptionType": f"{kind}.propertyChange", "propertyName": name, "propertyValue": value, **more}


async def fetched(
    item: JsonObject, answers: Mapping[str, JsonObject | Unfetched] = ANSWERS, **settings: Any
) -> tuple[list[Reported], AskedApi]:
    api = AskedApi(answers)
    (notified,) = told(item, api={"token": "env:T"}, **settings)
    assert isinstance(notified, Notified)
    return await fetch(notified, Settings.model_validate({"api": {"token": "env:T"}, **settings}), api), api


def test_twelve_characters_are_decoded_before_it_is_signed() -> None:
    assert decoded("/a%3Ab%2fc%40%21%24%27%28%29%2A%2c%3B%3F") == "/a:b/c@!$'()*,;?"
    assert decoded("/a%20b%25c%2Bd%C3%A9") == "/a%20b%25c%2Bd%C3%A9"


@pytest.mark.parametrize(("url", "status"), [(URL + "?team=a@b", 200), (URL + "?team=a%40b", 401), (URL, 401)])
async def test_without_a_url_it_is_as_it_was_called(tmp_path: Path, url: str, status: int) -> None:
    async with sending(VENDOR, tmp_path, url=None) as hubspot:
        headers = {**signed(EXAMPLES[0], SECRET, NOW, url), "host": "hooks.us.example"}
        answer = await hubspot.client.post("/v1/sources/hubspot?team=a%40b", content=EXAMPLES[0], headers=headers)
    assert answer.status_code == status


def test_a_ticket_by_itself_is_an_id() -> None:
    event = bare(CREATED)
    assert (event.id, event.name, event.about) == ("1001:51:5012:1772366398000", "ticket.created", ("hubspot:ticket:5012",))
    assert (event.properties, event.vendor) == ({"ticket_id": "5012"}, CREATED)
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")


def test_a_repeat_is_the_same_event() -> None:
    assert bare({**CREATED, "attemptNumber": 3}).id == bare(CREATED).id
    nameless = {word: each for word, each in CREATED.items() if word != "eventId"}
    assert bare({**nameless, "attemptNumber": 3}).id == bare(nameless).id


async def test_a_ticket_that_is_fetched_has_priority_and_account() -> None:
    [event], api = await fetched(CREATED)
    assert (event.id, event.name) == ("1001:51:5012:1772366398000", "ticket.created")
    assert event.about == (
        "hubspot:company:99",
        "domain:acme.example",
        "hubspot:contact:7",
        "email:ana@acme.example",
        "hubspot:ticket:5012",
    )
    assert event.properties == {
        "ticket_id": "5012",
        "subject": "Export fails",
        "status": "new",
        "priority": "high",
        "assignee": "41",
        "requester_email": "ana@acme.example",
    }
    assert (event.vendor["eventId"], event.vendor["company"]) == (1001, COMPANY)
    assert [path for path, _ in api.asked] == list(ANSWERS)
    assert api.asked[0][1]["associations"] == "companies,contacts"


async def test_a_ticket_that_is_gone_is_told_as_it_was() -> None:
    [event], _ = await fetched(CREATED, {})
    assert event == bare(CREATED)


async def test_a_company_that_is_gone_still_names_the_account() -> None:
    [event], _ = await fetched(CREATED, {"/crm/v3/objects/tickets/5012": TICKET})
    assert event.about == ("hubspot:company:99", "hubspot:contact:7", "hubspot:ticket:5012")


async def test_what_cannot_be_fetched_now_is_fetched_later() -> None:
    with pytest.raises(Unfetched):
        await fetched(CREATED, {**ANSWERS, "/crm/v3/objects/companies/99": Unfetched(TryAgain("down"))})


@pytest.mark.parametrize(
    ("history", "to", "name", "old", "status"),
    [
        (["2"], "4", "ticket.solved", "pending", "closed"),
        (["4"], "3", "ticket.reopened", "closed", "open"),
        (["1"], "2", "ticket.updated", "new", "pending"),
        (["1", "48207"], "4", "ticket.updated", "solved", "closed"),
        ([], "4", "ticket.solved", None, "closed"),
        (["3"], "77", "ticket.updated", "open", "77"),
    ],
)
async def test_a_stage_is_judged_by_what_it_was(history: list[str], to: str, name: str, old: str | None, status: str) -> None:
    entries = [{"value": stage, "timestamp": f"2026-03-01T11:5{minute}:00Z"} for minute, stage in enumerate(history)]
    # What comes after the change, and the change itself, are no past.
    entries += [{"value": to, "timestamp": "2026-03-01T11:59:58Z"}, {"value": "1", "timestamp": "2026-03-01T12:30:00Z"}]
    ticket = {**TICKET, "propertiesWithHistory": {"hs_pipeline_stage": entries[::-1]}}
    item = changed("ticket", "hs_pipeline_stage", to)
    [event], _ = await fetched(item, {**ANSWERS, "/crm/v3/objects/tickets/5012": ticket}, stages={"48207": "solved"})
    assert (event.name, event.properties.get("old_status"), event.properties["status"]) == (name, old, status)


async def test_a_stage_with_a_closing_date_is_closed() -> None:
    ticket = {**TICKET, "properties": {"hs_pipeline_stage": "77", "closed_date": "2026-03-01T11:59:58Z"}}
    answers = {**ANSWERS, "/crm/v3/objects/tickets/5012": ticket}
    [closed], _ = await fetched(changed("ticket", "hs_pipeline_stage", "77"), answers)
    [earlier], _ = await fetched(changed("ticket", "hs_pipeline_stage", "76"), answers)
    assert (closed.name, closed.properties["status"]) == ("ticket.solved", "closed")
    assert (earlier.name, earlier.properties["status"]) == ("ticket.updated", "76")


def test_without_the_api_a_change_says_what_it_says() -> None:
    solved = bare(changed("ticket", "hs_pipeline_stage", "4"))
    assert (solved.name, solved.properties) == ("ticket.solved", {"ticket_id": "5012", "status": "closed"})
    urgent = bare(changed("ticket", "hs_ticket_priority", "URGENT"))
    assert (urgent.name, urgent.properties) == ("ticket.updated", {"ticket_id": "5012", "priority": "urgent"})


@pytest.mark.parametrize(
    ("stage", "name"), [("closedwon", "deal.won"), ("closedlost", "deal.lost"), ("contractsent", "deal.updated")]
)
def test_a_deal_is_won_or_lost_by_its_stage(stage: str, name: str) -> None:
    event = bare(changed("deal", "dealstage", stage))
    assert (event.name, event.properties, event.about) == (name, {"deal_id": "5012", "stage": stage}, ("hubspot:deal:5012",))


def test_the_newer_webhooks_name_the_type_beside() -> None:
    (_, event) = told(*json.loads(EXAMPLES[1]))
    assert (event.name, event.about) == ("deal.won", ("hubspot:deal:77",))


async def test_a_renewal_that_is_won_renews_the_contract() -> None:
    properties = {"dealname": "Acme 2027", "dealstage": "9001", "hs_is_closed_won": "true", "amount": "12000.50"}
    properties |= {"deal_currency_code": "eur", "pipeline": "renewal", "closedate": "2026-03-01T00:00:00Z"}
    deal = {
        "id": "5012",
        "properties": properties,
        "propertiesWithHistory": {"dealstage": [{"value": "9000", "timestamp": "2026-02-01T00:00:00Z"}]},
    }
    answers = {"/crm/v3/objects/deals/5012": deal}
    [won, renewed], _ = await fetched(changed("deal", "dealstage", "9001"), answers, renewals=["renewal"])
    assert (won.name, won.properties) == (
        "deal.won",
        {
            "deal_id": "5012",
            "title": "Acme 2027",
            "stage": "9001",
            "old_stage": "9000",
            "amount": 12000.5,
            "currency": "EUR",
            "close_date": "2026-03-01T00:00:00Z",
        },
    )
    words = {"contract_id": "5012", "amount": 12000.5, "currency": "EUR"}
    assert (renewed.name, renewed.id, renewed.properties) == ("contract.renewed", f"{won.id}:renewed", words)


def test_a_company_tells_the_trait_that_changed() -> None:
    event = bare(changed("company", "plan_name", "pro", objectId=99), traits={"plan": "plan_name"})
    assert (event.name, event.about, event.traits) == ("account.updated", ("hubspot:company:99",), {"plan": "pro"})


async def test_a_company_that_is_fetched_tells_all_traits() -> None:
    item = changed("company", "name", "Acme", objectId=99)
    [event], api = await fetched(item, traits={"plan": "plan_name", "renewal_date": "renewal"})
    assert event.traits == {"name": "Acme", "domain": "acme.example", "stage": "customer", "plan": "pro"}
    assert event.about == ("hubspot:company:99", "domain:acme.example")
    asked = "name,domain,hubspot_owner_id,lifecyclestage,hs_parent_company_id,plan_name,renewal"
    assert api.asked == [("/crm/v3/objects/companies/99", {"properties": asked})]


async def test_a_contact_is_a_user() -> None:
    [event], _ = await fetched(changed("contact", "email", "ana@acme.example", objectId=7))
    assert (event.name, event.user_traits) == ("user.updated", {"email": "ana@acme.example", "name": "Ana Berg"})


def test_an_association_says_whose_a_ticket_is() -> None:
    item = json.loads(EXAMPLES[2])[0]
    assert bare(item).same == (("hubspot:ticket:5012", "hubspot:company:99"),)
    assert bare(item).name == "ticket.association_change"
    assert bare({**item, "associationRemoved": True}).same == ()
    assert bare({**item, "associationType": "TICKET_TO_CONTACT"}).same == ()
    newer = {**item, "subscriptionType": "object.associationChange", "fromObjectTypeId": "0-5", "toObjectTypeId": "0-2"}
    del newer["associationType"]
    assert bare(newer).same == (("hubspot:ticket:5012", "hubspot:company:99"),)


@pytest.mark.parametrize(("body", "pointer"), [(b"{}", ""), (b"null", ""), (b"[1]", "/0"), (b"[{}, []]", "/1")])
def test_what_is_no_list_of_objects_is_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        read(Incoming("POST", "/", {}, {}, body, NOW), Settings(secret=("env:X",)))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"subscriptionType": "ticket.propertyChange", "propertyName": ["hs_pipeline_stage"], "objectId": {}},
        {"subscriptionType": "ticket.propertyChange", "propertyName": "hs_pipeline_stage", "propertyValue": 4, "occurredAt": "x"},
        {"subscriptionType": "deal.propertyChange", "propertyName": "dealstage", "propertyValue": None},
        {"subscriptionType": "company.propertyChange", "propertyName": "name", "propertyValue": {}},
        {"subscriptionType": "object.", "objectTypeId": 5},
        {"subscriptionType": "ticket.associationChange", "associationType": 5, "fromObjectId": []},
    ],
)
async def test_an_object_of_any_shape_is_an_event(item: JsonObject) -> None:
    event = bare(item)
    assert event.id
    assert event.name
    assert event.vendor == item


@pytest.mark.parametrize(
    "answer", [{}, {"properties": 5, "associations": []}, {"associations": {"companies": {"results": [1, {}]}}}]
)
async def test_an_answer_of_any_shape_is_an_event(answer: JsonObject) -> None:
    [event], _ = await fetched(CREATED, {"/crm/v3/objects/tickets/5012": answer})
    assert (event.name, event.about) == ("ticket.created", ("hubspot:ticket:5012",))


async def test_a_hundred_come_in_one_request(tmp_path: Path) -> None:
    body = json.dumps([{**CREATED, "eventId": number, "objectId": number} for number in range(100)]).encode()
    async with sending(VENDOR, tmp_path) as hubspot:
        answer = await hubspot.send(body)
    assert (answer.json(), len({event.id for event in hubspot.journal.events})) == ({"accepted": 100}, 100)


async def test_with_the_api_notifications_are_stored(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, api={"token": "env:T"}) as hubspot:
        await hubspot.send(EXAMPLES[1])
        (ticket, deal) = hubspot.journal.notified
    assert (ticket.thing, deal.thing, hubspot.entries) == ("ticket:5012", "deal:77", [])
    assert ticket.occurred_at == parse_instant("2026-03-01T11:59:59Z") < NOW + SECOND
