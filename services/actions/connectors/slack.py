"""A message in a Slack channel, through an incoming webhook or an app.

    destinations:
      slack-cs: {kind: slack, url: "env:SLACK_CS_URL"}
      slack-app: {kind: slack, token: "env:SLACK_TOKEN", channel: C012AB3CD}

The URL of a webhook is itself the secret, so it is a reference; a token is a bot's, with the scope `chat:write`. What a play
writes arrives as it is: `&`, `<` and `>` are escaped, so that a customer's name can neither call the whole channel nor hide a
link. Slack takes no idempotency key: after an answer that was lost the message may come twice. The delivery's id is the first
block's `block_id`.
Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from typing import Any

import msgspec

from services.actions.api import json_of, text_in
from services.actions.connectors.contract import HttpSettings, Outgoing
from services.actions.rendering import RenderedTask, facts
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from shared.outbound.retry import judge_answer
from shared.outbound.urls import HttpUrl, url_refusal
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})
# Slack's own limits: the text of a section, and of the message.
MAX_SECTION = 3_000
MAX_TEXT = 40_000
_THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_LATER = _THROTTLED | {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_NOT_US = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"})


class Settings(HttpSettings):
    """Where to: a webhook's URL, which is a secret as a whole; or a channel, and a bot's token."""

    url: SecretReference | None = None
    token: SecretReference | None = None
    channel: str | None = None
    base_url: HttpUrl = "https://slack.com/api"

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Exactly one way to send."""
        if (self.url is None) == (self.token is None):
            return [((), "a destination in Slack has url, or token and channel")]
        if (self.token is None) != (self.channel is None):
            return [(("channel",), "a token needs the channel that it writes to")]
        why = url_refusal(self.base_url, private=self.private)
        return [] if why is None else [(("base_url",), why)]


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Success is a 2xx whose body says ok: Slack answers 200 to failures too."""
    headers = {"content-type": "application/json; charset=utf-8"}
    body = message(outgoing)
    if settings.url is not None:
        url = outgoing.secret(settings.url)
        why = url_refusal(url, private=settings.private)
        if why is not None:
            return GiveUp(f"the URL that {settings.url} holds is refused: {why}")
    else:
        url = f"{settings.base_url.rstrip('/')}/chat.postMessage"
        headers["authorization"] = f"Bearer {outgoing.secret(settings.token or '')}"
        body["channel"] = settings.channel
    answer = await http.post(url, msgspec.json.encode(body), headers, private=settings.private)
    outcome = judge_answer(answer.status, answer.headers, answer.text, outgoing.now)
    if not isinstance(outcome, Delivered):
        return outcome
    if said_ok(answer.text):
        return Delivered(text_in(json_of(answer.text), "ts"), answer.status, answer.text)
    return _refused(answer.status, answer.text)


def _refused(status: int, text: str) -> Outcome:
    """What a 200 that is not ok means, by Slack's own word for it."""
    word = text_in(json_of(text), "error") or text.strip()[:200]
    reason = f"answered {status}, but not ok: {word}"
    if word in _LATER:
        return TryAgain(reason, None, word in _THROTTLED, status, text)
    if word in _NOT_US:
        return Pause(reason, status, text)
    return GiveUp(reason, status, text)


def said_ok(text: str) -> bool:
    """Whether the body of a 200 means success: the text `ok`, or JSON with `ok: true`."""
    if text.strip() == "ok":
        return True
    answer = json_of(text)
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
