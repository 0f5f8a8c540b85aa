"""How much a key may send, and that one key's flood is not another's."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.errors import Problem
from services.ingest.limits.rate import Allowance, Rates, allowance_of
from services.ingest.limits.room import Room
from shared.settings import read_settings
from tests.ingest.conftest import NOW, RememberedJournal, key_with, ring


class Seconds:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def wait_told(rates: Rates, key_id: str, items: int) -> int:
    with pytest.raises(Problem) as caught:
        rates.take(key_id, items)
    assert (caught.value.status, caught.value.code) == (429, "too_fast")
    return int(caught.value.headers["Retry-After"])


def test_a_full_bucket_goes_so_far_and_no_further(seconds: Seconds) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 29)
    rates.take("a", 1)
    assert wait_told(rates, "a", 1) == 1


def test_what_is_refused_takes_nothing(seconds: Seconds) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 20)
    wait_told(rates, "a", 11)
    rates.take("a", 10)


@pytest.mark.parametrize(("items", "waits"), [(1, 1), (9, 1), (11, 2), (19, 2), (21, 3), (29, 3)])
def test_after_the_wait_that_was_told_they_are_taken(seconds: Seconds, items: int, waits: int) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 30)
    assert wait_told(rates, "a", items) == waits
    seconds.now += waits - 1
    wait_told(rates, "a", items)
    seconds.now += 1
    rates.take("a", items)


def test_a_pause_fills_the_bucket_and_does_not_overfill_it(seconds: Seconds) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 30)
    seconds.now += 3600
    rates.take("a", 30)
    wait_told(rates, "a", 1)


def test_a_request_larger_than_the_bucket_is_taken_when_it_is_full_and_paid_off_later(seconds: Seconds) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 100)
    assert wait_told(rates, "a", 1) == 8
    seconds.now += 7
    wait_told(rates, "a", 1)
    seconds.now += 1
    rates.take("a", 1)


def test_one_key_says_nothing_about_another(seconds: Seconds) -> None:
    rates = Rates(Allowance(10, 30), seconds)
    rates.take("a", 30)
    wait_told(rates, "a", 1)
    rates.take("b", 30)


def test_the_settings_say_how_much() -> None:
    named = {"SUCCESSPLAYS_EVENTS_PER_SECOND": "50", "SUCCESSPLAYS_EVENTS_AT_ONCE": "400"}
    assert allowance_of(read_settings(named)) == Allowance(50, 400)
    assert allowance_of(read_settings({})) == Allowance()


async def test_a_flood_of_one_key_is_answered_429_and_the_others_go_on(journal: RememberedJournal) -> None:
    keys = ring(("loud", key_with(key_id="loud")), ("calm", key_with(key_id="calm")))
    app = create_app(journal, keys, lambda: NOW, CollectorRegistry(), allowance=Allowance(5, 20))
    one = {"name": "a.b", "account_id": "acme"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client:

        async def send(key: str, body: object, path: str = "/v1/events") -> httpx.Response:
            return await client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})

        assert (await send("loud", [one] * 15)).status_code == 202
        stored = len(journal.events)
        for path, body in (("/v1/events", [one] * 15), ("/v1/batch", {"batch": [{"type": "track"}] * 15})):
            answer = await send("loud", body, path)
            assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
            assert answer.json()["code"] == "too_fast"
            assert 1 <= int(answer.headers["retry-after"]) <= 4
        assert len(journal.events) == stored
        assert (await send("calm", [one] * 15)).status_code == 202


async def test_what_is_no_event_counts_too(journal: RememberedJournal) -> None:
    app = create_app(journal, ring(("loud", key_with())), lambda: NOW, CollectorRegistry(), allowance=Allowance(1, 3))
    headers = {"Authorization": "Bearer loud", "Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest", headers=headers) as client:
        told = [(await client.post("/v1/events", content=b"nonsense")).status_code for _ in range(4)]
    assert told == [400, 400, 400, 429]


def test_alone_a_key_fills_half_the_room_and_there_is_always_some_for_another() -> None:
    room = Room(120)
    with room.taken("a", 60):
        with pytest.raises(Problem) as caught, room.taken("a", 1):
            pass
        assert (caught.value.status, caught.value.code, caught.value.headers["Retry-After"]) == (503, "overloaded", "1")
        with room.taken("b", 30), room.taken("c", 15), pytest.raises(Problem), room.taken("b", 1):
            pass
        with room.taken("b", 20), room.taken("c", 20), pytest.raises(Problem), room.taken("c", 1):
            pass
    with room.taken("a", 30), room.taken("a", 30):
        pass
