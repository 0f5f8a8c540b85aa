"""A POST to a URL, signed as Standard Webhooks says, so that any of its libraries verifies it.

    destinations:
      hooks: {kind: webhook, url: "https://tools.acme.example/hook", secret: "env:HOOK_SECRET"}

`webhook-id` is the delivery's id, the same for every try: a receiver that keeps ids sees each delivery once. The secret is
`whsec_` and base64 (24 to 64 bytes), or any other text, whose bytes are the key. Of two secrets, while one is being replaced,
both sign. Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Any

import msgspec
from pydantic import BeforeValidator, Field

from services.actions.connectors.contract import HttpSettings, Outgoing
from services.actions.rendering import RenderedMessage, RenderedTask, RenderedWebhook
from shared.instants import SECOND, show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import GiveUp, Outcome
from shared.outbound.retry import judge_answer
from shared.outbound.urls import HttpUrl, url_refusal
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message", "webhook"})
_TYPES = {"task": "task.created", "message": "message.created", "webhook": "step.reached"}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Settings(HttpSettings):
    """Where to, and what to sign with."""

    url: HttpUrl
    # One, or two while one is being replaced.
    secret: Annotated[list[SecretReference], BeforeValidator(_listed), Field(min_length=1, max_length=2)]

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """The URL itself may say that it may not be dialled."""
        why = url_refusal(self.url, private=self.private)
        return [] if why is None else [(("url",), why)]


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Success is any 2xx; the answer's text is kept for people."""
    body = msgspec.json.encode(payload(outgoing))
    timestamp = str(outgoing.now // SECOND)
    try:
        signatures = [sign(outgoing.secret(each), outgoing.delivery_id, timestamp, body) for each in settings.secret]
    except binascii.Error:
        return GiveUp("the webhook's secret begins with whsec_ but is not base64")
    headers = {
        "content-type": "application/json",
        "webhook-id": outgoing.delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
        "idempotency-key": outgoing.delivery_id,
    }
    answer = await http.post(settings.url, body, headers, private=settings.private)
    return judge_answer(answer.status, answer.headers, answer.text, outgoing.now)


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The `v1` signature of a body.

    Raises:
        binascii.Error: a `whsec_` secret that is not base64.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else secret.encode()
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def payload(outgoing: Outgoing) -> dict[str, Any]:
    """The body: `type`, `timestamp` and `data`. It is the same for every try of a delivery."""
    run = outgoing.run
    data: dict[str, Any] = {
        "delivery_id": outgoing.delivery_id,
        "step": outgoing.step,
        "run": {
            "id": run.run_id,
            "play": run.play,
            "version": run.version,
            "title": run.title,
            "subject": run.subject,
            "opened_at": show_instant(run.opened_at),
        },
        "account": {"id": run.account_id, "name": run.account.get("name")},
        "user": None if run.user_id is None else {"id": run.user_id},
        "evidence": run.evidence,
        **_content(outgoing),
    }
    return {"type": _TYPES[outgoing.kind], "timestamp": show_instant(outgoing.reached_at), "data": data}


def _content(outgoing: Outgoing) -> dict[str, Any]:
    content = outgoing.content
    if isinstance(content, RenderedTask):
        return {
            "task": {
                "title": content.title,
                "body": content.body,
                "assignee": content.assignee,
                "assigned_because": content.assigned_because,
                "priority": content.priority,
                "due_at": None if content.due_at is None else show_instant(content.due_at),
            }
        }
    if isinstance(content, RenderedMessage):
        return {"message": {"text": content.text}}
    if isinstance(content, RenderedWebhook):
        return {"data": content.data}
    raise TypeError(f"a webhook carries no {type(content).__name__}")
