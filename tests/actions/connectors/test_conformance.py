"""What every connector promises, whatever its kind. A connector is found by looking, and so are its promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.actions.carry import carry_out
from services.actions.connectors.contract import connectors, secret_references
from services.actions.core.steps import KINDS
from services.actions.store import Leased
from services.actions.tokens import Tokens
from services.actions.workspace import Workspace, parse_destinations
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Disable, GiveUp, Hold, Outcome, Pause, TryAgain
from shared.outbound.retry import judge_answer
from shared.records import encode
from tests.actions.connectors.outgoing import STEPS, mail_server_with
from tests.actions.scene import MONDAY, run_opened

PLANTED = "planted-secret-5f2b"
# The settings of a destination of each kind, as short as can be; SECRET is a file that holds the planted secret.
SETTINGS: dict[str, dict[str, Any]] = {
    "inbox": {},
    "webhook": {"url": "https://tools.acme.example/hook", "secret": "SECRET"},
    "slack": {"url": "SECRET"},
    "hubspot": {"token": "SECRET"},
    "salesforce": {"base_url": "https://acme.my.salesforce.com", "client_id": "SECRET", "client_secret": "SECRET"},
    "zendesk": {"base_url": "https://acme.zendesk.com", "email": "success@acme.example", "token": "SECRET"},
    "jira": {"base_url": "https://acme.atlassian.net", "email": "success@acme.example", "token": "SECRET", "project": "CS"},
    "asana": {"token": "SECRET", "project": "1201234567890"},
    "freshdesk": {"base_url": "https://acme.freshdesk.com", "email": "success@acme.example", "token": "SECRET"},
    "intercom": {"token": "SECRET", "ticket_type": "1234", "admin": 394051, "contact": "owner"},
    "front": {"token": "SECRET", "inbox": "inb_55c8c149"},
    "teams": {"url": "SECRET"},
    "email": {"smtp": "smtp://127.0.0.1:1", "from": "success@acme.example", "username": "SECRET", "password": "SECRET"},
}
ASKED_FIRST = {"/oauth2/token": '{"access_token": "granted"}', "/contacts/search": '{"data": [{"id": "5f7f", "role": "user"}]}'}
OVER_HTTP = sorted(set(SETTINGS) - {"inbox", "email"})
KINDS_OF = [(kind, step) for kind, connector in sorted(connectors().items()) for step in sorted(connector.accepts)]


def test_every_connector_is_held_to_this() -> None:
    assert sorted(connectors()) == sorted(SETTINGS)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_it_is_described_like_all_others(kind: str) -> None:
    connector = connectors()[kind]
    assert connector.accepts
    assert connector.accepts <= set(KINDS) - {"wait"}
    assert connector.settings.model_config["extra"] == "forbid"
    with pytest.raises(ValueError, match="unknown_word"):
        connector.settings.model_validate({"kind": kind, **SETTINGS[kind], "unknown_word": 1})


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_its_secrets_are_references(kind: str) -> None:
    for name, value in SETTINGS[kind].items():
        if value == "SECRET":
            with pytest.raises(ValueError, match=name):
                connectors()[kind].settings.model_validate({"kind": kind, **SETTINGS[kind], name: "the value itself"})


@pytest.fixture
def planted(tmp_path: Path) -> str:
    file = tmp_path / "planted"
    file.write_text(f"https://hooks.acme.example/{PLANTED}")
    return f"file:{file}"


def workspace_of(kind: str, planted: str, **fields: Any) -> Workspace:
    settings = {name: planted if value == "SECRET" else value for name, value in SETTINGS[kind].items()}
    return Workspace(1, parse_destinations({"destinations": {"x": {"kind": kind, **settings, **fields}}}))


def leased(kind: str) -> Leased:
    # About a ticket, for tools in which a message is a note on one.
    run = run_opened({kind: STEPS[kind]}, event={"name": "ticket.created", "properties": {"ticket_id": "42"}})
    return Leased("d-1", run.run_id, "0", kind, "x", 1, MONDAY, encode(run))


async def carried(workspace: Workspace, step: str, http: Http) -> Outcome:
    outcome = (await carry_out(leased(step), workspace, http, lambda: MONDAY, tokens=Tokens())).outcome
    await http.close()
    return outcome


def over(answering: Callable[[httpx.Request], httpx.Response]) -> Http:
    """A tool that answers so; what has to be asked first (a token, a person) is always there."""

    def handle(request: httpx.Request) -> httpx.Response:
        first = next((text for end, text in ASKED_FIRST.items() if request.url.path.endswith(end)), None)
        return answering(request) if first is None else answer(200, text=first)

    return Http(transport=httpx.MockTransport(handle))


def answering(status: int, headers: dict[str, str] | None = None, text: str = "ok") -> Http:
    return over(lambda _: answer(status, headers, text))


def answer(status: int, headers: dict[str, str] | None = None, text: str = "ok") -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(text.encode()))


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize(
    "status", [200, 201, 202, 204, 299, 300, 302, 308, 400, 401, 403, 404, 408, 410, 413, 422, 425, 429, 500, 503]
)
async def test_it_judges_every_status_as_all_do(kind: str, status: int, planted: str) -> None:
    step = min(connectors()[kind].accepts)
    outcome = await carried(workspace_of(kind, planted), step, answering(status))
    assert outcome == judge_answer(status, {}, "ok", MONDAY)


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_it_honours_retry_after(kind: str, planted: str) -> None:
    outcome = await carried(workspace_of(kind, planted), "task", answering(429, {"retry-after": "90"}))
    assert outcome == TryAgain("answered 429", 90_000_000, True, 429, "ok")


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError])
async def test_no_answer_is_tried_again(kind: str, error: type[httpx.HTTPError], planted: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error(f"while sending to {request.url}")

    outcome = await carried(workspace_of(kind, planted), "task", over(fail))
    assert isinstance(outcome, TryAgain)
    assert PLANTED not in repr(outcome)


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 410, 429, 500])
async def test_no_secret_comes_back_in_what_is_kept(kind: str, status: int, planted: str) -> None:
    seen: list[httpx.Request] = []

    def echo(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(status, text=f"you sent https://hooks.acme.example/{PLANTED} to {request.url}")

    outcome = await carried(workspace_of(kind, planted), "task", over(echo))
    assert seen
    assert PLANTED not in repr(outcome)
    assert PLANTED not in seen[0].content.decode()


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_the_deliverys_id_is_in_the_request_and_two_tries_say_the_same(kind: str, planted: str) -> None:
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(200)

    for _ in range(2):
        await carried(workspace_of(kind, planted), "task", over(keep))
    assert seen[0].content == seen[1].content
    assert b"d-1" in seen[0].content or seen[0].headers.get("webhook-id") == "d-1"


@pytest.mark.parametrize(("kind", "step"), KINDS_OF)
async def test_it_takes_the_steps_that_it_says_it_takes(kind: str, step: str, planted: str, mail_server: int) -> None:
    fields = {"smtp": f"smtp://127.0.0.1:{mail_server}", "username": None, "password": None} if kind == "email" else {}
    outcome = await carried(workspace_of(kind, planted, **fields), step, answering(200))
    assert isinstance(outcome, Delivered)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_it_refuses_every_other_step(kind: str, planted: str) -> None:
    for step in sorted(set(STEPS) - connectors()[kind].accepts):
        outcome = await carried(workspace_of(kind, planted), step, answering(200))
        assert outcome == GiveUp(f"destination x takes no {step}")


@pytest.mark.parametrize("kind", [kind for kind, settings in sorted(SETTINGS.items()) if "SECRET" in settings.values()])
async def test_a_secret_that_is_not_there_holds_the_delivery(kind: str) -> None:
    outcome = await carried(workspace_of(kind, "file:/nowhere/at/all"), "task", answering(200))
    assert outcome == Hold("destination x: file:/nowhere/at/all is not set")


@pytest.mark.parametrize("kind", sorted(set(SETTINGS) - {"inbox"}))
async def test_it_ends_within_the_deadline(kind: str, planted: str) -> None:
    left = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    Path(planted.removeprefix("file:")).write_text(f"http://127.0.0.1:{port}/")  # noqa: ASYNC240 - a few bytes
    fields: dict[str, Any] = {
        "webhook": {"url": f"http://127.0.0.1:{port}/", "private_network": "allowed"},
        "slack": {"private_network": "allowed"},
        "teams": {"private_network": "allowed"},
        "email": {"smtp": f"smtp://127.0.0.1:{port}"},
    }.get(kind, {"base_url": f"http://127.0.0.1:{port}", "private_network": "allowed"})
    http = Http()
    async with server:
        workspace = workspace_of(kind, planted, **fields)
        outcome = await carry_out(leased("task"), workspace, http, lambda: MONDAY, tokens=Tokens(), deadline=0.3)
        await http.close()
        await left.wait()
    assert outcome.outcome == TryAgain("not finished within 0.3 s")


def test_references_are_found_in_settings() -> None:
    destination = parse_destinations(
        {"destinations": {"x": {"kind": "email", **SETTINGS["email"], "username": "env:U", "password": "env:P"}}}
    )["x"]
    assert not isinstance(destination, str)
    assert secret_references(destination.settings) == ["env:U", "env:P"]
    assert isinstance(judge_answer(410, {}, "", MONDAY), Disable)
    assert isinstance(judge_answer(401, {}, "", MONDAY), Pause)


class Accepts:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        return "250 taken"


@pytest.fixture
async def mail_server() -> AsyncIterator[int]:
    async with mail_server_with(Accepts()) as port:
        yield port
