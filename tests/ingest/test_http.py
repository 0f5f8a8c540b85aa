import base64
import gzip
from typing import Any

import httpx
import pytest

from shared.keys import make_key
from shared.records import Event
from tests.ingest.conftest import KEY, RememberedJournal, client_of, key_with

ONE = {"id": "e1", "name": "report.exported", "account_id": "acme"}
JSON = {"Content-Type": "application/json"}


def other(number: int) -> dict[str, Any]:
    return {**ONE, "id": f"e{number}"}


async def test_one_event(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/events", json=ONE)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "refused": []})
    assert journal.events == [Event(id="e1", name="report.exported", account_id="acme", source="backend")]


async def test_a_list_is_one_append_in_its_order(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/events", json=[other(number) for number in range(5)])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 5)
    assert [len(entries) for entries in journal.appends] == [5]
    assert [event.id for event in journal.events] == ["e0", "e1", "e2", "e3", "e4"]


async def test_lines(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    lines = b'{"name":"a.b","account_id":"acme","id":"1"}\r\n\n{"name":\n{"name":"a.b","account_id":"acme","id":"3"}'
    answer = await client.post("/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [(refused["index"], refused["code"]) for refused in answer.json()["refused"]] == [(1, "malformed")]
    assert [event.id for event in journal.events] == ["1", "3"]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/ndjson", "application/jsonl"])
async def test_lines_have_several_names_and_may_be_packed(
    client: httpx.AsyncClient, journal: RememberedJournal, kind: str
) -> None:
    lines = b'{"name":"a.b","account_id":"acme","id":"1"}\n{"name":"a.b","account_id":"acme","id":"2"}\n'
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    answer = await client.post("/v1/events", content=gzip.compress(lines), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [event.id for event in journal.events] == ["1", "2"]


async def test_one_bad_event_does_not_sink_the_others(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/events", json=[other(0), {**other(1), "acount_id": 1}, other(2)])
    assert answer.status_code == 202
    (refused,) = answer.json()["refused"]
    assert (refused["index"], refused["id"], refused["code"], refused["pointer"]) == (1, "e1", "unknown_field", "/acount_id")
    assert "account_id" in refused["detail"]
    assert [event.id for event in journal.events] == ["e0", "e2"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"x":NaN}}', "not_a_number"),
        (b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"x":1e999}}', "number_out_of_range"),
        (b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"x":' + b"[" * 5000 + b"]" * 5000 + b"}}", "too_deep"),
        (b'{"id":"e1","name":"a.b","account_id":"acme","name":"a.b"}', "duplicate_key"),
        (b'{"id":"e1","name":"a.b","account_id":"\\ud800"}', "bad_text"),
        (b'{"id":"e1","name":"a.b","account_id":"\xff"}', "not_utf8"),
        (b'{"id":"e1","name":"a.b","account_id":"acme","properties":{"x":"' + b"x" * 33_000 + b'"}}', "too_large"),
        (b"17", "not_an_object"),
    ],
)
async def test_nor_does_one_that_is_hardly_json(
    client: httpx.AsyncClient, journal: RememberedJournal, bad: bytes, code: str
) -> None:
    good = b'{"id":"e0","name":"a.b","account_id":"acme"}'
    answer = await client.post("/v1/events", content=b"[" + bad + b"," + good + b"]", headers=JSON)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"][0]["code"]) == (202, 1, code)
    assert [event.id for event in journal.events] == ["e0"]
    alone = await client.post("/v1/events", content=bad, headers=JSON)
    assert alone.status_code == 400
    assert alone.json()["accepted"] == 0
    assert len(journal.events) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"hello", "malformed"),
        (b'[{"name":"a.b","account_id":"acme"},]', "malformed"),
        (b'[{"name":"a.b","account_id":"acme"}', "malformed"),
        (b'[{"name":"a.b","account_id":"acme"}] x', "malformed"),
        (b'[{"name":"a.b","account_id":"acme"},{"name":}]', "malformed"),
        (b"\xef\xbb\xbf[]", "malformed"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[]", "empty"),
    ],
)
async def test_a_body_that_is_no_list_of_events_is_a_problem(
    client: httpx.AsyncClient, journal: RememberedJournal, body: bytes, code: str
) -> None:
    answer = await client.post("/v1/events", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (answer.json()["status"], answer.json()["code"], answer.json()["accepted"]) == (400, code, 0)
    assert journal.appends == []


async def test_when_every_event_is_refused_the_answer_is_400(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/events", json=[{}, {"name": "a.b"}])
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert [(refused["index"], refused["pointer"]) for refused in answer.json()["refused"]] == [(0, "/name"), (1, "/account_id")]
    assert journal.appends == []


async def test_events_without_an_id_are_told_theirs(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    answer = await client.post("/v1/events", json=[other(7), {"name": "a.b", "account_id": "acme"}])
    assert answer.json() == {"accepted": 2, "refused": [], "ids": [{"index": 1, "id": "id-1"}]}
    assert [event.id for event in journal.events] == ["e7", "id-1"]


async def test_gzip(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    packed = gzip.compress(b'{"name":"a.b","account_id":"acme"}')
    answer = await client.post("/v1/events", content=packed, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, len(journal.events)) == (202, 1)
    for broken in (packed[:-9], packed + b"x", b"not gzip at all"):
        answer = await client.post("/v1/events", content=broken, headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()["code"]) == (400, "not_gzip")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Encoding": "br"},
    ],
)
async def test_other_media_are_415(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/v1/events", content=b"{}", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")


async def test_500_kb_and_no_more(client: httpx.AsyncClient) -> None:
    event = b'{"name":"a.b","account_id":"acme"}'
    assert (await client.post("/v1/events", content=event.ljust(512_000), headers=JSON)).json()["refused"][0][
        "code"
    ] == "too_large"
    assert (await client.post("/v1/events", content=b"[" + event + b"]".rjust(512_000 - 35))).status_code == 202
    answer = await client.post("/v1/events", content=b"[" + event + b"]".rjust(512_001 - 35))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_2500_events_and_no_more(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    event = {"name": "a.b", "account_id": "a"}
    assert (await client.post("/v1/events", json=[event] * 2500)).json()["accepted"] == 2500
    for body in ([event] * 2501, [event] * 2500 + [{**event, "properties": {"x": 2**70}}]):
        answer = await client.post("/v1/events", json=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many")
    assert len(journal.events) == 2500


def basic(name: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("right", [f"Bearer {KEY}", f"bearer  {KEY}", basic(KEY), basic("", KEY), basic(KEY, "whatever")])
async def test_a_key_comes_as_bearer_or_basic(client: httpx.AsyncClient, right: str) -> None:
    assert (await client.post("/v1/events", json=ONE, headers={"Authorization": right})).status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nobody's",
        f"Bearer {make_key('write', now=0)[0]}",
        f"Bearer {'x' * 2000}",
        KEY,
        f"Digest {KEY}",
        "Basic !!!",
        "Basic /////w==",
        basic(""),
        basic("nobody's"),
    ],
)
async def test_every_kind_of_wrong_key_has_the_same_answer(journal: RememberedJournal, wrong: str) -> None:
    async with client_of(journal, key_with()) as client:
        del client.headers["Authorization"]
        nobody = await client.post("/v1/events", json=ONE)
        answer = await client.post("/v1/events", content=b"not even JSON", headers={"Authorization": wrong})
    assert (answer.status_code, answer.content, answer.headers.get("www-authenticate")) == (
        401,
        nobody.content,
        nobody.headers["www-authenticate"],
    )
    assert journal.appends == []


async def test_a_key_of_another_kind_may_not_write(journal: RememberedJournal) -> None:
    async with client_of(journal, key_with(scopes=("read",))) as client:
        for path in ("/v1/events", "/v1/track"):
            answer = await client.post(path, json=ONE)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_without_the_log_nothing_is_promised(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    journal.away = True
    for path, body in (("/v1/events", ONE), ("/v1/track", {"userId": "u1", "event": "a.b"})):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/livez")).status_code == 200
    journal.away = False
    assert (await client.post("/v1/events", json=ONE)).status_code == 202
    assert (await client.get("/readyz")).json()["checks"] == {"log": True}


async def test_what_was_taken_and_refused_is_counted(client: httpx.AsyncClient) -> None:
    await client.post("/v1/events", json=[ONE, {}, {}])
    await client.post("/v1/events", json=ONE, headers={"Authorization": "Bearer nobody's"})
    shown = (await client.get("/metrics")).text
    assert 'successplays_ingest_accepted_total{source="backend"} 1.0' in shown
    assert 'successplays_ingest_refused_total{code="missing_field",source="backend"} 2.0' in shown
    assert 'successplays_ingest_requests_total{route="/v1/events",status="202"} 1.0' in shown
    assert 'successplays_ingest_requests_total{route="/v1/events",status="401"} 1.0' in shown


async def test_what_is_not_there_is_a_problem_too(client: httpx.AsyncClient) -> None:
    for answer, status in ((await client.get("/v1/nothing"), 404), (await client.get("/v1/events"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status
