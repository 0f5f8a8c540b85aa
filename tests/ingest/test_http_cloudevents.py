import json
from typing import Any

import httpx
import pytest

from tests.ingest.conftest import KEY, RememberedJournal
from tests.ingest.test_cloudevents import HEADERS, ONE

PATH = "/v1/cloudevents"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json; charset=UTF-8"}


def other(number: int) -> dict[str, Any]:
    return {**ONE, "id": f"e{number}"}


async def test_all_three_modes_are_taken(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    for answer in (
        await client.post(PATH, json=ONE, headers=STRUCTURED),
        await client.post(PATH, content=json.dumps([other(2), other(3)]), headers=BATCH),
        await client.post(PATH, json={"pages": 12}, headers={**HEADERS, "ce-id": "e4"}),
    ):
        assert (answer.status_code, answer.json()["refused"]) == (202, [])
    assert [(event.id, event.source) for event in journal.events] == [(f"e{number}", "/reports") for number in range(1, 5)]
    assert [len(entries) for entries in journal.appends] == [1, 2, 1]


async def test_an_empty_batch_is_fine(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post(PATH, content=b"[]", headers=BATCH)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "refused": []})
    assert journal.appends == []


async def test_of_a_batch_the_good_are_stored_and_the_sender_hears_of_the_others(
    client: httpx.AsyncClient, journal: RememberedJournal
) -> None:
    bad = [{**other(2), "type": ""}, {**other(3), "accountid": None}, 7]
    answer = await client.post(PATH, content=json.dumps([other(1), *bad, other(5)]), headers=BATCH)
    assert (answer.status_code, answer.json()["accepted"]) == (400, 2)
    told = [(refused["index"], refused.get("id"), refused["code"], refused["pointer"]) for refused in answer.json()["refused"]]
    assert told == [(1, "e2", "bad_value", "/type"), (2, "e3", "missing_field", "/accountid"), (3, None, "not_an_object", "")]
    assert [event.id for event in journal.events] == ["e1", "e5"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, json.dumps(ONE)),
        ({"Content-Type": "application/cloudevents+avro"}, "x"),
        ({"Content-Type": "application/cloudevents"}, json.dumps(ONE)),
        ({"Content-Type": "application/cloudevents+json; charset=utf-16"}, json.dumps(ONE)),
        ({}, json.dumps(ONE)),
    ],
)
async def test_what_is_not_understood_is_415(
    client: httpx.AsyncClient, journal: RememberedJournal, headers: dict[str, str], body: str
) -> None:
    answer = await client.post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["accepted"]) == (415, "unsupported_media_type", 0)
    assert journal.appends == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (STRUCTURED, b"[]", 400),
        (STRUCTURED, b"", 400),
        (BATCH, json.dumps(ONE).encode(), 400),
        (BATCH, b"", 400),
        (BATCH, b"[", 400),
        (BATCH, b"[" + b"{}," * 2500 + b"{}]", 413),
        (BATCH, b" " * 512_001, 413),
    ],
)
async def test_a_body_of_another_form_is_a_4xx(
    client: httpx.AsyncClient, journal: RememberedJournal, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = await client.post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (status, 0)
    assert journal.appends == []


async def test_an_event_of_64_kb_is_stored(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    text = "x" * (64 * 1024 - 200)
    assert (await client.post(PATH, json={**ONE, "data": text}, headers=STRUCTURED)).status_code == 202
    assert (await client.post(PATH, content=text, headers={**HEADERS, "Content-Type": "text/plain"})).status_code == 202
    assert [event.properties["data"] for event in journal.events] == [text, text]


async def test_the_key_may_be_in_the_query_and_a_wrong_one_is_401(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    del client.headers["Authorization"]
    answer = await client.post(PATH, json=ONE, headers=STRUCTURED, params={"access_token": KEY})
    assert (answer.status_code, answer.headers["cache-control"]) == (202, "private")
    for wrong in ({}, {"access_token": "nobody's"}):
        assert (await client.post(PATH, json=ONE, headers=STRUCTURED, params=wrong)).status_code == 401
    header = {**STRUCTURED, "Authorization": "Bearer nobody's"}
    assert (await client.post(PATH, json=ONE, headers=header, params={"access_token": KEY})).status_code == 401
    assert len(journal.events) == 1


async def test_a_sender_that_names_its_system_as_the_origin_is_no_web_page(client: httpx.AsyncClient) -> None:
    # Version 1.0.1 of the webhooks' specification has `Origin`, later ones `WebHook-Request-Origin`.
    for origin, status in (("eventemitter.example.com", 202), ("https://example.com", 403), ("null", 403)):
        answer = await client.post(PATH, json=ONE, headers={**STRUCTURED, "Origin": origin})
        assert answer.status_code == status
    assert (
        await client.post(PATH, json=ONE, headers={**STRUCTURED, "WebHook-Request-Origin": "a.example.com"})
    ).status_code == 202


async def test_while_the_log_is_away_it_is_503(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    journal.away = True
    answer = await client.post(PATH, json=ONE, headers=STRUCTURED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("asked", "rate"),
    [
        ({"WebHook-Request-Rate": "120"}, "120"),
        ({}, "*"),
        ({"WebHook-Request-Rate": "0"}, "*"),
        ({"WebHook-Request-Rate": "1\t2"}, "*"),
    ],
)
async def test_the_handshake_agrees(client: httpx.AsyncClient, asked: dict[str, str], rate: str) -> None:
    del client.headers["Authorization"]
    answer = await client.options(PATH, headers={"WebHook-Request-Origin": "eventemitter.example.com", **asked})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert (answer.headers["webhook-allowed-rate"], answer.headers["allow"]) == (rate, "OPTIONS, POST")


@pytest.mark.parametrize("origin", [{}, {"WebHook-Request-Origin": ""}, {"WebHook-Request-Origin": "a b; c"}])
async def test_without_an_origin_nothing_is_agreed_to(client: httpx.AsyncClient, origin: dict[str, str]) -> None:
    answer = await client.options(PATH, headers=origin)
    assert answer.status_code == 204
    assert not [name for name in answer.headers if name.startswith("webhook")]
