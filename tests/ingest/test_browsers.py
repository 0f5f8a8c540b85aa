"""Web pages: a key for one, the question a browser asks before, and servers' keys that have no business in a page."""

import time

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.limits.rate import Allowance
from shared.db.key_store import create_key, revoke_key
from shared.key_ring import KeyRing, KeysUnavailable, origins_in
from shared.keys import hash_key, make_key
from tests.conftest import make_settings, opened
from tests.ingest.conftest import NOW, RememberedJournal, key_with, no_key, ring

PAGE, OTHER = "https://app.acme.example", "https://evil.example"
BROWSER = ("a browser's", key_with(key_id="browser", traits=(), origins=(PAGE, "https://www.acme.example")))
SERVER = ("a server's", key_with(key_id="server"))
ONE = {"id": "e1", "name": "report.exported", "account_id": "acme"}
CALL = {"userId": "u1", "event": "a.b", "messageId": "m1"}


@pytest.fixture
def client(journal: RememberedJournal) -> httpx.AsyncClient:
    app = create_app(journal, ring(BROWSER, SERVER), lambda: NOW, CollectorRegistry(), allowance=Allowance(1, 3))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest")


def page(origin: str | None, key: str | None = BROWSER[0]) -> dict[str, str]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return headers if origin is None else {**headers, "Origin": origin}


def may_read(answer: httpx.Response) -> str | None:
    origin: str | None = answer.headers.get("access-control-allow-origin")
    return origin


async def test_a_page_that_its_key_states_is_answered_so_that_it_can_read_it(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/events", json=ONE, headers=page(PAGE))
    assert (answer.status_code, may_read(answer), answer.headers["vary"]) == (202, PAGE, "Origin")
    answer = await client.post("/v1/track", json=CALL, headers=page(PAGE))
    assert (answer.status_code, may_read(answer)) == (200, PAGE)


async def test_so_is_what_is_wrong_with_its_request(client: httpx.AsyncClient) -> None:
    told = [await client.post("/v1/events", json={}, headers=page(PAGE)) for _ in range(4)]
    assert [answer.status_code for answer in told] == [400, 400, 400, 429]
    assert {may_read(answer) for answer in told} == {PAGE}
    assert "Retry-After" in told[-1].headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("origin", "key"),
    [(OTHER, BROWSER), (None, BROWSER), ("null", BROWSER), (f"{PAGE}.evil.example", BROWSER), (PAGE, SERVER), (OTHER, SERVER)],
)
async def test_any_other_page_is_refused(
    client: httpx.AsyncClient, journal: RememberedJournal, origin: str | None, key: tuple[str, object]
) -> None:
    for path in ("/v1/events", "/v1/track", "/v1/batch", "/v1/cloudevents", "/i/v1/analytics/events"):
        answer = await client.post(path, json=ONE, headers=page(origin, key[0]))
        assert (answer.status_code, answer.json()["code"], may_read(answer)) == (403, "forbidden", None)
    assert journal.appends == []


async def test_a_server_without_a_page_is_as_before(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/events", json=ONE, headers=page(None, SERVER[0]))
    assert (answer.status_code, may_read(answer), "vary" in answer.headers) == (202, None, False)


async def test_analytics_js_sends_text_with_its_key_inside(client: httpx.AsyncClient, journal: RememberedJournal) -> None:
    text = {"Content-Type": "text/plain"}
    answer = await client.post("/v1/track", json={**CALL, "writeKey": BROWSER[0]}, headers=page(PAGE, None) | text)
    assert (answer.status_code, may_read(answer)) == (200, PAGE)
    batch = {"batch": [{**CALL, "type": "track"}], "writeKey": BROWSER[0]}
    answer = await client.post("/v1/batch", json=batch, headers=page(PAGE, None) | text)
    assert (answer.status_code, may_read(answer)) == (200, PAGE)
    stored = len(journal.events)
    for key, status in ((SERVER[0], 403), ("nobody's", 401)):
        answer = await client.post("/v1/track", json={**CALL, "writeKey": key}, headers=page(PAGE, None) | text)
        assert (answer.status_code, may_read(answer)) == (status, None)
    assert len(journal.events) == stored == 2


@pytest.mark.parametrize("path", ["/v1/events", "/v1/track", "/v1/batch"])
async def test_a_browser_that_asks_first_is_told(client: httpx.AsyncClient, path: str) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = await client.options(path, headers={"Origin": PAGE, **asks})
    assert (answer.status_code, may_read(answer), answer.headers["vary"]) == (204, PAGE, "Origin")
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].lower().split(", "))
    for headers in ({"Origin": OTHER, **asks}, asks):
        answer = await client.options(path, headers=headers)
        assert (answer.status_code, may_read(answer)) == (403, None)


async def test_an_origin_is_known_while_a_key_states_it(database_url: str) -> None:
    now = 0.0
    async with opened(make_settings(database_url=database_url)) as database:
        keys = KeyRing(b"secret", no_key, monotonic=lambda: now, find_origins=origins_in(database))
        assert not await keys.any_states(PAGE)
        text, key = make_key("write", now=0, traits=(), origins=[PAGE])
        async with database.begin() as connection:
            await create_key(connection, key, hash_key(text, b"secret"))
        now += 3
        assert await keys.any_states(PAGE)
        assert not await keys.any_states(OTHER)
        async with database.begin() as connection:
            await revoke_key(connection, key.key_id, now=1)
        assert await keys.any_states(PAGE)
        now += 3
        assert not await keys.any_states(PAGE)


async def test_while_the_database_is_away_known_origins_stay_known() -> None:
    now, away = 0.0, False

    async def find() -> frozenset[str]:
        if away:
            raise ConnectionError
        return frozenset({PAGE})

    keys = KeyRing(b"secret", no_key, monotonic=lambda: now, find_origins=find)
    assert await keys.any_states(PAGE)
    away, now = True, time.monotonic()
    assert await keys.any_states(PAGE)
    with pytest.raises(KeysUnavailable):
        await KeyRing(b"secret", no_key, find_origins=find).any_states(PAGE)
