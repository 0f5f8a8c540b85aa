"""A card in a Microsoft Teams channel, through a workflow's webhook.

    destinations:
      teams-cs: {kind: teams, url: "env:TEAMS_CS_URL"}

The URL is that of the workflow "Post to a channel when a webhook request is received"; it is itself the secret. A card is text
only, so that nothing in a customer's name is markup. Teams takes no idempotency key and cannot be searched: after an answer
that was lost the card may come twice, with the same id in its small print.
Source: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
"""

from typing import Any

import msgspec

from services.actions.api import marker, title_of
from services.actions.connectors.contract import HttpSettings, Outgoing
from services.actions.rendering import RenderedTask, facts
from shared.instants import show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import GiveUp, Outcome
from shared.outbound.retry import judge_answer
from shared.outbound.urls import url_refusal
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task", "message"})
# Workflows take about 28 kB; 21 kB were seen to be refused already.
MAX_TEXT = 8_000
_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]()#<>~|"})


class Settings(HttpSettings):
    """Where to: the whole URL is a secret."""

    url: SecretReference


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Success is any 2xx: workflows answer 202."""
    url = outgoing.secret(settings.url)
    why = url_refusal(url, private=settings.private)
    if why is not None:
        return GiveUp(f"the URL that {settings.url} holds is refused: {why}")
    body = msgspec.json.encode(message(outgoing))
    answer = await http.post(url, body, {"content-type": "application/json"}, private=settings.private)
    return judge_answer(answer.status, answer.headers, answer.text, outgoing.now)


def message(outgoing: Outgoing) -> dict[str, Any]:
    """The message with its one card."""
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [*_told(outgoing), *_numbers(outgoing), _text(marker(outgoing), isSubtle=True, size="Small")],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _told(outgoing: Outgoing) -> list[dict[str, Any]]:
    content = outgoing.content
    if not isinstance(content, RenderedTask):
        return [_text(str(getattr(content, "text", "")))]
    small = [f"for {content.assignee}" if content.assignee else "for nobody yet", f"priority {content.priority}"]
    if content.due_at is not None:
        small.append(f"due {show_instant(content.due_at)[:10]}")
    told = [_text(title_of(outgoing), weight="Bolder", size="Medium"), _text(content.body)] if content.body else []
    return [*(told or [_text(title_of(outgoing), weight="Bolder", size="Medium")]), _text(" · ".join(small), isSubtle=True)]


def _numbers(outgoing: Outgoing) -> list[dict[str, Any]]:
    numbers = [{"title": name, "value": value[:200]} for name, value in facts(outgoing.run.evidence)[:30]]
    return [{"type": "FactSet", "facts": numbers}] if numbers else []


def _text(text: str, **more: Any) -> dict[str, Any]:
    cut = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return {"type": "TextBlock", "text": cut.translate(_MARKUP), "wrap": True, **more}
