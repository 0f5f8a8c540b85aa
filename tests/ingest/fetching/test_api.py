"""A question to a vendor, over a transport that answers what the test says."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from services.ingest.fetching.api import MAX_FETCHED, HttpApi
from services.ingest.fetching.contract import ApiSettings, BasicApi, BearerApi, Unfetched, segment
from shared.instants import SECOND
from shared.outbound.http import Http, Unreachable
from shared.outbound.outcomes import GiveUp, Pause, TryAgain
from tests.ingest.conftest import NOW

TOKEN = "the-token-of-this-vendor"


@pytest.fixture
def settings(tmp_path: Path) -> BearerApi:
    (tmp_path / "token").write_text(TOKEN)
    return BearerApi(base_url="https://api.vendor.example/", token=f"file:{tmp_path / 'token'}")


def api(settings: ApiSettings, answer: Callable[[httpx.Request], httpx.Response], turns: list[int] | None = None) -> HttpApi:
    async def turn() -> None:
        if turns is not None:
            turns.append(1)

    async def streamed(request: httpx.Request) -> httpx.Response:
        given = answer(request)
        return httpx.Response(given.status_code, headers=given.headers, stream=httpx.ByteStream(given.content))

    return HttpApi(Http(transport=httpx.MockTransport(streamed)), settings, lambda: NOW, turn)


def answering(status: int, text: str = "{}", **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, text=text, headers=named)


async def refusal(settings: ApiSettings, answer: Callable[[httpx.Request], httpx.Response]) -> TryAgain | GiveUp | Pause:
    with pytest.raises(Unfetched) as unfetched:
        await api(settings, answer).get("/x")
    return unfetched.value.outcome


async def test_asks_with_the_credentials_in_its_turn(settings: BearerApi) -> None:
    asked: list[httpx.Request] = []
    turns: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"id": 7})

    found = await api(settings, answer, turns).get("/tickets/7", {"properties": "a,b c"}, {"x-version": "2"})
    assert found == {"id": 7}
    assert str(asked[0].url) == "https://api.vendor.example/tickets/7?properties=a%2Cb+c"
    assert (asked[0].headers["authorization"], asked[0].headers["x-version"]) == (f"Bearer {TOKEN}", "2")
    assert turns == [1]


def test_basic_credentials_are_user_and_password() -> None:
    shown = BasicApi(base_url="https://x.example", user="ana/token", password="env:P").authorization(lambda name: f"<{name}>")
    assert base64.b64decode(shown.removeprefix("Basic ")) == b"ana/token:<env:P>"


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_is_nothing(settings: BearerApi, status: int) -> None:
    assert await api(settings, answering(status)).get("/x") is None


async def test_every_other_answer_is_judged(settings: BearerApi) -> None:
    assert await refusal(settings, answering(429, "slow down", retry_after="90")) == TryAgain(
        "answered 429: slow down", 90 * SECOND, True, 429
    )
    assert await refusal(settings, answering(500, "")) == TryAgain("answered 500", status=500)
    assert isinstance(await refusal(settings, answering(401)), Pause)
    assert isinstance(await refusal(settings, answering(403)), Pause)
    assert isinstance(await refusal(settings, answering(400)), GiveUp)


async def test_a_redirect_is_not_followed(settings: BearerApi) -> None:
    assert isinstance(await refusal(settings, answering(302, "", location="https://evil.example")), TryAgain)


async def test_what_the_vendor_says_of_the_token_is_not_repeated(settings: BearerApi) -> None:
    assert "***" in (await refusal(settings, answering(401, f"bad token {TOKEN}"))).reason
    assert TOKEN not in (await refusal(settings, answering(401, f"bad token {TOKEN}"))).reason


@pytest.mark.parametrize("text", ["", "[1]", "<html>", '{"a": 1, "a": 2}', '{"a": "\\u0000"}'])
async def test_something_other_than_an_object_is_given_up(settings: BearerApi, text: str) -> None:
    assert isinstance(await refusal(settings, answering(200, text)), GiveUp)


async def test_an_answer_is_as_large_as_a_request_may_be(settings: BearerApi) -> None:
    def sized(size: int) -> str:
        return '{"a":"' + "x" * (size - 8) + '"}'

    assert await api(settings, answering(200, sized(MAX_FETCHED - 1))).get("/x") is not None
    assert isinstance(await refusal(settings, answering(200, sized(MAX_FETCHED))), GiveUp)


async def test_a_vendor_that_is_away_is_asked_again(settings: BearerApi) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise Unreachable("no connection")

    assert await refusal(settings, away) == TryAgain("no connection")


async def test_without_its_secret_nothing_is_asked_and_the_source_waits(settings: BearerApi) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    assert isinstance(await refusal(settings.model_copy(update={"token": "file:/nowhere"}), answer), Pause)
    assert asked == []


def test_an_id_is_one_segment_whatever_is_in_it() -> None:
    assert segment("a/../b?c#d %") == "a%2F..%2Fb%3Fc%23d%20%25"
    for text in ("", ".", ".."):
        with pytest.raises(Unfetched):
            segment(text)


@pytest.mark.parametrize(
    "url", ["http://api.vendor.example", "https://127.0.0.1", "https://localhost:8443", "ftp://x", "https://"]
)
def test_an_api_is_public_and_encrypted_unless_it_is_said_otherwise(url: str) -> None:
    with pytest.raises(ValidationError):
        BearerApi(base_url=url, token="env:X")


def test_a_private_api_is_said_to_be_one() -> None:
    assert BearerApi(base_url="http://127.0.0.1:9", token="env:X", private_network="allowed").private


def test_a_token_is_a_reference() -> None:
    with pytest.raises(ValidationError):
        BearerApi(base_url="https://x.example", token="abc123")
