import base64
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.actions.connectors import webhook
from services.actions.connectors.webhook import payload, sign
from shared.clock import wall_clock
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import SECRET, Tool

OLD = "whsec_" + base64.b64encode(b"x" * 32).decode()


async def send(receiver: Tool, secrets: list[str], kind: str = "task", folder: Path | None = None) -> object:
    assert folder is not None
    references = []
    for index, secret in enumerate(secrets):
        (folder / f"s{index}").write_text(secret)
        references.append(f"file:{folder / f's{index}'}")
    settings = webhook.Settings(kind="webhook", url=receiver.url, secret=references, private_network="allowed")
    http = Http()
    outcome = await webhook.send(outgoing(kind, now=wall_clock()), settings, http)
    await http.close()
    return outcome


@pytest.mark.parametrize("kind", ["task", "message", "webhook"])
async def test_the_public_library_verifies_what_is_sent(kind: str, receiver: Tool, tmp_path: Path) -> None:
    outcome = await send(receiver, [SECRET], kind, tmp_path)
    assert outcome == Delivered(status=200, response="ok")
    [request] = receiver.ledger
    verified = Webhook(SECRET).verify(request.body, request.headers)
    assert verified["data"]["delivery_id"] == request.headers["webhook-id"] == request.headers["idempotency-key"]
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"Acme", b"Acne"), request.headers)


async def test_two_secrets_both_sign_while_one_is_replaced(receiver: Tool, tmp_path: Path) -> None:
    await send(receiver, [SECRET, OLD], folder=tmp_path)
    [request] = receiver.ledger
    for secret in (SECRET, OLD):
        assert Webhook(secret).verify(request.body, request.headers)


async def test_any_text_can_be_the_secret(receiver: Tool, tmp_path: Path) -> None:
    await send(receiver, ["only-known-to-us"], folder=tmp_path)
    [request] = receiver.ledger
    assert Webhook(base64.b64encode(b"only-known-to-us").decode()).verify(request.body, request.headers)


async def test_a_secret_that_is_not_base64_is_a_dead_letter(receiver: Tool, tmp_path: Path) -> None:
    outcome = await send(receiver, ["whsec_not base64!"], folder=tmp_path)
    assert outcome == GiveUp("the webhook's secret begins with whsec_ but is not base64")
    assert receiver.ledger == []


def test_the_published_vector() -> None:
    # standard-webhooks/libraries/python/tests/test_webhooks.py, test_sign_function
    body = b'{"test": 2432232314}'
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_a_task_looks_like() -> None:
    body = payload(outgoing("task"))
    assert body["type"] == "task.created"
    assert body["timestamp"] == "2026-03-02T09:00:00Z"
    assert body["data"]["task"] == {
        "title": "Call Acme",
        "body": "Ask what changed.",
        "assignee": "ana@acme.example",
        "assigned_because": "account.owner",
        "priority": "high",
        "due_at": "2026-03-04T09:00:00Z",
    }
    assert body["data"]["evidence"] == {"baseline": 25.0, "current": 12, "drop": 0.52}
    assert body["data"]["account"] == {"id": "acme", "name": "Acme"}
    assert body["data"]["run"]["opened_at"] == "2026-03-02T09:00:00Z"


def test_a_webhook_steps_own_data_is_rendered() -> None:
    assert payload(outgoing("webhook"))["data"]["data"] == {"mrr": 2000, "name": "Acme", "list": ["12"]}


def test_only_the_timestamp_differs_between_tries() -> None:
    first, second = outgoing("task"), outgoing("task", attempt=2, now=wall_clock())
    assert msgspec.json.encode(payload(first)) == msgspec.json.encode(payload(second))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://acme.example/",
        "https://",
        "https://user:password@acme.example/",
        "acme.example",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        webhook.Settings.model_validate({"kind": "webhook", "url": url, "secret": "env:X"})
