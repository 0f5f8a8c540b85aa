"""Standard Webhooks: anybody who signs as the specification says."""

import base64
import hashlib
import hmac
from pathlib import Path

from services.ingest.sources.contract import Incoming
from services.ingest.sources.standard_webhooks import Settings, verified
from shared.instants import Instant, parse_instant
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import Vendor, seconds, sending


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
