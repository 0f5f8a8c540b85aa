"""Standard Webhooks: anybody who signs as the specification says."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from services.ingest.receiving.check import check_source
from services.ingest.sources import standard_webhooks
from services.ingest.sources.contract import Incoming
from services.ingest.sources.standard_webhooks import Settings, verified
from shared.instants import Instant, datetime_of, parse_instant
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import Vendor, seconds, sending
from tests.ingest.sources.telling import told


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    content = b"msg_1." + seconds(at).encode() + b"." + body
    mac = base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": seconds(at), "webhook-signature": f"v1,{mac}"}


VENDOR = Vendor("standard_webhooks", sign, timestamped=True)


def test_the_published_vector() -> None:
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    incoming = Incoming("POST", "/v1/sources/x", {}, headers, body, 1_614_265_330 * 1_000_000)
    assert verified(incoming, Settings(), [secret])
    assert not verified(incoming, Settings(), [secret[:-1] + b"x"])


async def test_a_body_is_an_event_by_its_map(tmp_path: Path) -> None:
    paths = {"properties": {"order_id": "data.id", "total": "data.total"}, "about": {"shop:company": "data.company.id"}}
    async with sending(VENDOR, tmp_path, map=paths) as shop:
        assert (await shop.send(shop.example)).status_code == 200
        (event,) = shop.journal.events
    assert (event.id, event.name, event.source, event.about) == (
        "msg_1",
        "order.placed",
        "standard_webhooks",
        "shop:company:acme",
    )
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z") < NOW
    assert (event.properties["order_id"], event.properties["total"]) == (7, 12.5)
    assert event.properties["standard_webhooks"]["data"]["company"] == {"id": "acme"}


async def test_the_account_may_be_named_in_the_body(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, account="data.company.id") as shop:
        await shop.send(shop.example)
        (event,) = shop.journal.events
    assert (event.account_id, event.about) == ("acme", None)


async def test_a_body_without_a_name_is_refused_at_its_place(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as shop:
        answer = await shop.send(b'{"data": {}}')
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/type")
    assert shop.entries == []


def library(secret: bytes, body: bytes, at: Instant = NOW) -> str:
    """The signature as the senders' own library makes it."""
    key = "whsec_" + base64.b64encode(secret).decode()
    return Webhook(key).sign("msg_1", datetime_of(at), body.decode())


@pytest.mark.parametrize(
    ("signatures", "status"),
    [
        (["new"], 200),
        (["old"], 200),
        (["other", "old"], 200),
        (["other"] * 100 + ["old"], 200),
        (["v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==", "new"], 200),
        (["other"], 401),
        (["other"] * 100, 401),
        (["v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="], 401),
        ([], 401),
    ],
)
async def test_what_the_library_signs_with_either_secret_comes_in(tmp_path: Path, signatures: list[str], status: int) -> None:
    keys = {"new": b"new" * 8, "old": b"old" * 8, "other": b"other" * 5}
    for name in ("new", "old"):
        (tmp_path / f"{name}-key").write_text("whsec_" + base64.b64encode(keys[name]).decode() + "\n")
    async with sending(VENDOR, tmp_path, secret=[f"file:{tmp_path / 'new-key'}", f"file:{tmp_path / 'old-key'}"]) as shop:
        given = " ".join(library(keys[each], shop.example) if each in keys else each for each in signatures)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": seconds(NOW), "webhook-signature": given}
        assert (await shop.send(shop.example, headers)).status_code == status
        assert len(shop.journal.events) == (status == 200)


def test_events_traits_and_aliases_are_told_by_the_map() -> None:
    body = {
        "type": "order.completed",
        "timestamp": 1_772_366_398,
        "data": {"mail": "Ana@Acme.example", "id": 7, "plan": "pro", "seat": 1},
    }
    paths = {
        "about": {"email": "data.mail", "shop:customer": "data.id", "domain": "data.none"},
        "traits": {"plan": "data.plan", "mrr": "data.none"},
        "user_traits": {"seat": "data.seat"},
    }
    event = told(standard_webhooks, body, {"webhook-id": "msg_2"}, map=paths, events={"order.completed": "deal.won"})
    assert (event.id, event.name, event.traits, event.user_traits) == ("msg_2", "deal.won", {"plan": "pro"}, {"seat": 1})
    assert event.about == ("email:ana@acme.example", "shop:customer:7")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")


def test_without_a_header_the_id_is_the_bodys_else_its_digest() -> None:
    assert told(standard_webhooks, {"type": "a.b", "id": 42}).id == "42"
    first, again, other = (told(standard_webhooks, {"type": "a.b", "data": {"n": n}}).id for n in (1, 1, 2))
    assert first == again != other


def test_what_the_map_gets_wrong_is_found_by_the_check() -> None:
    entry = {"secret": "env:X", "events": {"Sold": "Deal Won"}, "map": {"about": {"Shop": "data.id"}}}
    found = check_source("standard_webhooks", entry)
    assert [place for place, _ in found] == [("events", "Sold"), ("map", "about", "Shop")]
    assert "deal.won" in found[0][1]
