"""A message in a Slack channel, through an incoming webhook.

    destinations:
      slack-cs: {kind: slack, url: "env:SLACK_CS_URL"}

The URL is itself the secret, so it is a reference. What a play writes arrives as it is: `&`, `<` and `>` are escaped, so that a
customer's name can neither call the whole channel nor hide a link. Slack takes no idempotency key: after an answer that was
lost the message may come twice. The delivery's id is the first block's `block_id`. Source:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from typing import Any

import msgspec

from services.actions.connectors.contract import HttpSettings, Outgoing
from services.actions.rendering import RenderedTask, facts
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome
from shared.outbound.retry import judge_answer
from shared.outbound.urls import url_refusal
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})
# Slack's own limits: the text of a section, and of the message.
MAX_SECTION = 3_000
MAX_TEXT = 40_000


class Settings(HttpSettings):
    """Where to: the whole URL is a secret."""

    url: SecretReference


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Success is a 2xx whose body is `ok`: Slack answers 200 to some failures."""
    url = outgoing.secret(settings.url)
    why = url_refusal(url, private=settings.private)
    if why is not None:
        return GiveUp(f"the URL that {settings.url} holds is refused: {why}")
    body = msgspec.json.encode(message(outgoing))
    answer = await http.post(url, body, {"content-type": "application/json; charset=utf-8"}, private=settings.private)
    outcome = judge_answer(answer.status, answer.headers, answer.text, outgoing.now)
    if isinstance(outcome, Delivered) and not said_ok(answer.text):
        return GiveUp(f"answered {answer.status}, but not ok: {answer.text.strip()[:200]}", answer.status, answer.text)
    return outcome


def said_ok(text: str) -> bool:
    """Whether the body of a 200 means success: the text `ok`, or JSON with `ok: true`."""
    if text.strip() == "ok":
        return True
    try:
        answer = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(answer, dict) and answer.get("ok") is True


def message(outgoing: Outgoing) -> dict[str, Any]:
    """The message: `text` for notifications, blocks for the channel."""
    content = outgoing.content
    if not isinstance(content, RenderedTask):
        text = escape(str(getattr(content, "text", "")))
        return {"text": text[:MAX_TEXT], "blocks": [_section(text, outgoing.delivery_id)]}
    title = escape(content.title)
    body = f"*{title}*\n{escape(content.body)}".strip()
    blocks = [_section(body, outgoing.delivery_id), {"type": "context", "elements": [_mrkdwn(_small_print(content, outgoing))]}]
    return {"text": title[:MAX_TEXT], "blocks": blocks}


def escape(text: str) -> str:
    """The three characters that Slack asks to be escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _small_print(task: RenderedTask, outgoing: Outgoing) -> str:
    parts = [f"for {task.assignee}" if task.assignee else "for nobody yet", f"priority {task.priority}"]
    if task.due_at is not None:
        parts.append(f"due {show_instant(task.due_at)[:10]}")
    parts += [f"{name} {value}" for name, value in facts(outgoing.run.evidence)]
    return escape(" · ".join(parts))


def _section(text: str, block_id: str) -> dict[str, Any]:
    return {"type": "section", "block_id": block_id, "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text if len(text) <= MAX_SECTION else text[: MAX_SECTION - 1] + "…"}
