from typing import Any

import httpx
import pytest

from tests.ingest.conftest import KEY, RememberedJournal

TRACK = {"type": "track", "userId": "u1", "event": "Report Exported", "messageId": "m1"}


@pytest.mark.parametrize(
    ("call", "message", "records"),
    [
        ("track", TRACK, 1),
        ("identify", {"userId": "u1", "traits": {"email": "ana@acme.example"}}, 3),
        ("group", {"userId": "u1", "groupId": "acme"}, 2),
        ("page", {"userId": "u1", "name": "Home"}, 1),
        ("screen", {"userId": "u1", "name": "Home"}, 1),
        ("alias", {"userId": "u1", "previousId": "old"}, 2),
        ("batch", {"batch": [TRACK, {**TRACK, "messageId": "m2"}]}, 2),
        ("batch", {"batch": []}, 0),
    ],
)
async def test_every_call_is_answered_as_sdks_expect(
    client: httpx.AsyncClient, journal: RememberedJournal, call: str, message: dict[str, Any], records: int
) -> None:
    answer = await client.post(f"/v1/{call}", json=message)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert len(journal.entries) == records


async def test_what_a_batch_refuses_is_400_and_the_rest_is_stored(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/batch", json={"batch": [TRACK, {"type": "track", "messageId": "m2"}]})
    assert answer.status_code == 400
    told = answer.json()
    assert (told["success"], told["accepted"], told["code"]) == (False, 1, "refused")
    assert "missing_field at /event" in told["message"]
    assert [(refused["index"], refused["id"], refused["pointer"]) for refused in told["refused"]] == [(1, "m2", "/event")]
    assert [event.id for event in journal.events] == ["m1"]


async def test_nan_in_one_message_does_not_sink_the_others(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    bad = b'{"type":"track","userId":"u1","event":"a.b","messageId":"m2","properties":{"batch":NaN}}'
    good = b'{"type":"track","userId":"u1","event":"a.b","messageId":"m1"}'
    answer = await client.post("/v1/batch", content=b'{"context":{"groupId":"acme"},"batch":[' + bad + b"," + good + b"]}")
    assert answer.status_code == 400
    assert [(refused["index"], refused["code"]) for refused in answer.json()["refused"]] == [(0, "not_a_number")]
    assert [(event.id, event.account_id) for event in journal.events] == [("m1", "acme")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"[]", "not_an_object"),
        (b"{}", "missing_field"),
        (b'{"batch":{}}', "wrong_type"),
        (b'{"batch":[{}', "malformed"),
        (b'{"batch":[],"batch":[]}', "duplicate_key"),
        (b'{"batch":[],"context":{"a":NaN}}', "not_a_number"),
        (b'{"batch":[],"context":7}', "wrong_type"),
        (b'{"batch":[{"a":}]}', "malformed"),
    ],
)
async def test_a_body_that_is_no_batch_is_a_problem(
    client: httpx.AsyncClient, journal: RememberedJournal, body: bytes, code: str
) -> None:
    answer = await client.post("/v1/batch", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (answer.json()["code"], answer.json()["success"]) == (code, False)
    assert answer.json()["message"] == answer.json()["detail"]
    assert journal.appends == []


async def test_a_batch_has_2500_messages_and_no_more(client: httpx.AsyncClient) -> None:
    message = {"type": "alias", "userId": "u1", "previousId": "old"}
    assert (await client.post("/v1/batch", json={"batch": [message] * 2500})).status_code == 200
    assert (await client.post("/v1/batch", json={"batch": [message] * 2501})).status_code == 413


@pytest.mark.parametrize(("call", "body"), [("track", TRACK), ("batch", {"batch": [TRACK]})])
async def test_without_a_header_the_key_may_be_in_the_body(
    client: httpx.AsyncClient, journal: RememberedJournal, call: str, body: dict[str, Any]
) -> None:
    del client.headers["Authorization"]
    text = {"Content-Type": "text/plain"}
    assert (await client.post(f"/v1/{call}", json={**body, "writeKey": KEY}, headers=text)).status_code == 200
    for wrong in ({}, {"writeKey": "nobody's"}, {"writeKey": None}):
        assert (await client.post(f"/v1/{call}", json={**body, **wrong})).status_code == 401
    assert len(journal.events) == 1


async def test_a_wrong_header_is_not_saved_by_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/track", json={**TRACK, "writeKey": KEY}, headers={"Authorization": "Bearer nobody's"})
    assert answer.status_code == 401
