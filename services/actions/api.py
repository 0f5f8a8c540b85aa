"""What connectors to a vendor's API have in common: where it is, one request and its answer, and what a person reads.

A tool that takes no key of ours gets a marker into its object, `successplays:DELIVERY`. It is searched for before a try that
follows one whose outcome is unknown (`Outgoing.uncertain`), never before a first try.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from services.actions.connectors.contract import HttpSettings, Outgoing
from services.actions.rendering import RenderedMessage, RenderedTask, facts
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome
from shared.outbound.retry import judge_answer
from shared.outbound.urls import HttpUrl, url_refusal


class ApiSettings(HttpSettings):
    """Where the API is: another region or a sandbox has another `base_url`."""

    base_url: HttpUrl

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """The URL itself may say that it may not be dialled."""
        why = url_refusal(self.base_url, private=self.private)
        return [] if why is None else [(("base_url",), why)]


class Reply(NamedTuple):
    """What came back: judged by its status, and its body where that is JSON."""

    outcome: Outcome
    body: Any

    @property
    def good(self) -> bool:
        """Whether it is a success."""
        return isinstance(self.outcome, Delivered)


async def ask(
    outgoing: Outgoing,
    settings: ApiSettings,
    http: Http,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: Any = None,
    base_url: str | None = None,
) -> Reply:
    """One request with a JSON body. Raises Unreachable, AddressRefused."""
    url = (base_url or settings.base_url).rstrip("/") + path
    content = None if body is None else msgspec.json.encode(body)
    sent = {"accept": "application/json", **({} if body is None else {"content-type": "application/json"}), **headers}
    answer = await http.request(method, url, content, sent, private=settings.private)
    return Reply(judge_answer(answer.status, answer.headers, answer.text, outgoing.now), json_of(answer.text))


def made(reply: Reply, *path: str | int) -> Outcome:
    """The outcome of a request that makes something: delivered, with the id that the answer has at `path`."""
    if not isinstance(reply.outcome, Delivered):
        return reply.outcome
    return Delivered(text_in(reply.body, *path), reply.outcome.status, reply.outcome.response)


def text_in(body: Any, *path: str | int) -> str | None:
    """A text or number in an answer, as text."""
    for step in path:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return None
    return str(body) if isinstance(body, (str, int)) and not isinstance(body, bool) and body != "" else None


def marker(outgoing: Outgoing) -> str:
    """By which an object is found again."""
    return f"successplays:{outgoing.delivery_id}"


def title_of(outgoing: Outgoing, most: int = 255) -> str:
    """One line: the task's title, or the beginning of the message."""
    content = outgoing.content
    text = content.title if isinstance(content, RenderedTask) else " ".join(str(getattr(content, "text", "")).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def paragraphs(outgoing: Outgoing) -> list[str]:
    """What a person reads: the text, the numbers that caused it, and the marker."""
    content = outgoing.content
    text = content.body if isinstance(content, RenderedTask) else content.text if isinstance(content, RenderedMessage) else ""
    numbers = "\n".join(f"{name}: {value}" for name, value in facts(outgoing.run.evidence))
    return [part for part in (text.strip(), numbers, f"{outgoing.run.title or outgoing.run.play} · {marker(outgoing)}") if part]


def account_field(outgoing: Outgoing, name: str) -> str | None:
    """A trait of the account as text, such as its id in the tool."""
    return text_in(outgoing.run.account, name)


def json_of(text: str) -> Any:
    """What an answer says, None where it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
