import httpx
import pytest

from tests.ingest.conftest import KEY, RememberedJournal
from tests.ingest.test_posthog import ONE

VERSION_1 = "/i/v1/analytics/events"


async def test_a_batch_is_answered_with_200_when_all_of_it_was_stored(
    client: httpx.AsyncClient, journal: RememberedJournal
) -> None:
    answer = await client.post("/batch/", json={"api_key": KEY, "batch": [ONE, {**ONE, "uuid": "e2"}]})
    assert (answer.status_code, answer.json()) == (200, {"status": 1, "accepted": 2})
    assert [event.id for event in journal.events] == ["e1", "e2"]


async def test_what_a_batch_refuses_is_400_and_the_rest_is_stored(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/batch/", json={"api_key": KEY, "batch": [ONE, {**ONE, "uuid": "e2", "event": ""}]})
    assert (answer.status_code, answer.json()["accepted"], answer.json()["code"]) == (400, 1, "refused")
    assert "missing_field at '/event'" in answer.json()["detail"]
    assert [(refused["index"], refused["id"]) for refused in answer.json()["refused"]] == [(1, "e2")]
    assert [event.id for event in journal.events] == ["e1"]


@pytest.mark.parametrize("path", ["/capture/", "/e/", "/i/v0/e/"])
async def test_a_single_event_has_the_key_in_it(client: httpx.AsyncClient, journal: RememberedJournal, path: str) -> None:
    assert (await client.post(path, json={**ONE, "api_key": KEY, "sent_at": None})).status_code == 200
    assert (await client.post(path, json={**ONE, "api_key": KEY, "event": "?"})).status_code == 400
    assert (await client.post(path, json={**ONE, "api_key": KEY, "sent_at": 7})).json()["code"] == "wrong_type"
    assert (await client.post(path, json=[ONE])).json()["code"] == "not_an_object"
    for key in ({}, {"api_key": "nobody's"}):
        assert (await client.post(path, json={**ONE, **key})).status_code == 401
    assert len(journal.events) == 1


async def test_version_1_says_of_each_event_what_became_of_it(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post(VERSION_1, json={"batch": [ONE, {**ONE, "uuid": "e2", "event": ""}]})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert (results["e1"], results["e2"]["result"]) == ({"result": "ok"}, "drop")
    assert "missing_field at '/event'" in results["e2"]["details"]
    assert answer.json()["accepted"] == 1
    assert [event.id for event in journal.events] == ["e1"]
    del client.headers["Authorization"]
    assert (await client.post(VERSION_1, json={"batch": [ONE]})).status_code == 401


@pytest.mark.parametrize("path", ["/batch/", VERSION_1])
async def test_nothing_is_promised_while_the_log_is_away(
    client: httpx.AsyncClient, journal: RememberedJournal, path: str
) -> None:
    journal.away = True
    answer = await client.post(path, json={"api_key": KEY, "batch": [ONE]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("path", ["/batch/", VERSION_1])
@pytest.mark.parametrize(("body", "code"), [(b"{}", "missing_field"), (b"", "malformed"), (b'{"batch":{}}', "wrong_type")])
async def test_a_body_that_is_no_batch_is_a_problem(client: httpx.AsyncClient, path: str, body: bytes, code: str) -> None:
    answer = await client.post(path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_refusals_are_counted(client: httpx.AsyncClient) -> None:
    await client.post(VERSION_1, json={"batch": [{**ONE, "event": ""}]})
    counted = (await client.get("/metrics")).text
    assert 'successplays_ingest_refused_total{code="missing_field",source="backend"} 1.0' in counted
