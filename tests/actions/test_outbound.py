"""Whom we dial, and what a peer that misbehaves can do to us."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import pytest

from services.actions.check import check_destination
from shared.outbound.addresses import literal_refusal, refusal
from shared.outbound.http import MAX_ANSWER, AddressRefused, Http, Unreachable
from tests.actions.scene import Tool

PUBLIC = "93.184.216.34"
BLOCKED = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
    *("5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
]
OPEN = [PUBLIC, "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
SPELLINGS = [
    *("127.1", "0x7f.1", "2130706433", "0x7f000001", "017700000001", "0", "localhost", "LOCALHOST.", "a.localhost"),
    *("[::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "169.254.169.254"),
]


@pytest.mark.parametrize("address", BLOCKED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refusal(address) == f"{address} is not a public address"


@pytest.mark.parametrize("address", OPEN)
def test_what_is_public_is_not(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("host", SPELLINGS)
def test_an_address_is_refused_in_every_spelling_before_anything_is_dialled(host: str) -> None:
    assert literal_refusal(host) is not None
    [(place, message)] = check_destination("x", {"kind": "webhook", "url": f"https://{host}/", "secret": "env:X"})
    assert place == ("url",)
    assert "private_network: allowed" in message


@pytest.mark.parametrize("host", ["acme.example", "1.1.1.1", "127.0.0.1.acme.example", "0x7f.acme.example"])
def test_names_and_public_addresses_pass(host: str) -> None:
    assert literal_refusal(host) is None


class Line(httpcore.AsyncNetworkBackend):
    """Instead of the network: keeps what is dialled, and connects to nothing."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        raise httpcore.ConnectError("no network here")


class Names:
    """A resolver that gives these answers in turn."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0)


async def dial(url: str, names: Names, *, private: bool = False) -> tuple[Line, type[Exception]]:
    line = Line()
    http = Http(resolve=names, dial=line)
    with pytest.raises((AddressRefused, Unreachable)) as caught:
        await http.post(url, b"{}", {}, private=private)
    await http.close()
    return line, type(caught.value)


async def test_a_checked_address_is_dialled_and_not_the_name() -> None:
    names = Names([PUBLIC, "1.1.1.1"])
    line, error = await dial("https://acme.example/hook", names)
    assert (line.dialled, names.asked, error) == ([PUBLIC, "1.1.1.1"], ["acme.example"], Unreachable)


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    line, error = await dial("https://acme.example/hook", Names([PUBLIC, "10.0.0.1"]))
    assert (line.dialled, error) == ([], AddressRefused)


async def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    line, _ = await dial("https://rebinding.example/", Names([PUBLIC], ["169.254.169.254"]))
    assert line.dialled == [PUBLIC]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_is_dialled(host: str) -> None:
    # As the resolver of the system reads it.
    line = Line()
    http = Http(dial=line)
    with pytest.raises((AddressRefused, Unreachable)):
        await http.post(f"https://{host}/", b"{}", {})
    await http.close()
    assert line.dialled == []


async def test_userinfo_does_not_hide_the_host() -> None:
    line = Line()
    http = Http(dial=line)
    with pytest.raises(AddressRefused):
        await http.post("https://acme.example@127.0.0.1/", b"{}", {})
    await http.close()
    assert line.dialled == []


async def test_a_destination_that_is_allowed_to_may_be_in_the_private_network(receiver: Tool) -> None:
    http = Http()
    answer = await http.post(receiver.url, b"{}", {}, private=True)
    assert (answer.status, answer.text) == (200, "ok")
    with pytest.raises(AddressRefused):
        await http.post(receiver.url, b"{}", {})
    await http.close()
    assert len(receiver.ledger) == 1


async def test_the_host_header_stays_the_name(receiver: Tool) -> None:
    http = Http(resolve=Names(["127.0.0.1"]))
    await http.post(f"http://tools.acme.example:{receiver.port}/", b"{}", {}, private=True)
    await http.close()
    assert receiver.ledger[0].headers["host"] == f"tools.acme.example:{receiver.port}"


async def test_redirects_are_not_followed(receiver: Tool) -> None:
    receiver.says((308, {"location": "http://169.254.169.254/latest/"}, b""))
    http = Http(resolve=Names(["127.0.0.1"]))
    answer = await http.post(f"http://acme.example:{receiver.port}/", b"{}", {}, private=True)
    await http.close()
    assert answer.status == 308


# ------------------------------------------------------------------ peers that misbehave

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(behave: Peer) -> AsyncIterator[str]:
    gone: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone.append(asyncio.Event())
        mine = gone[-1]
        try:
            await reader.readuntil(b"\r\n\r\n")
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            mine.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for left in gone:
            await left.wait()


async def post(behave: Peer, deadline: float = 5) -> Any:
    async with peer(behave) as url:
        http = Http(deadline=deadline)
        try:
            return await http.post(url, b"{}", {}, private=True)
        finally:
            await http.close()


async def dripping(writer: asyncio.StreamWriter, text: bytes) -> None:
    for _ in range(1000):
        writer.write(text)
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_headers_that_never_end_meet_the_deadline() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await dripping(writer, b"x: y\r\n")

    with pytest.raises(Unreachable, match=r"no complete answer within 0\.3 s"):
        await post(behave, 0.3)


async def test_a_body_of_one_byte_now_and_then_meets_the_deadline() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        await dripping(writer, b"x")

    with pytest.raises(Unreachable, match=r"no complete answer within 0\.3 s"):
        await post(behave, 0.3)


async def test_no_more_than_64_kb_of_an_answer_is_read() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n")
        for _ in range(500):
            writer.write(b"x" * 100_000)
            await writer.drain()

    answer = await post(behave)
    assert (answer.status, len(answer.text)) == (200, MAX_ANSWER)


async def test_nothing_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    assert len((await post(behave)).text) <= len(bomb)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000,
    ],
)
async def test_what_is_not_an_answer_is_tried_again(said: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    with pytest.raises(Unreachable):
        await post(behave)


async def test_bytes_that_are_no_text_are_replaced() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\n\xff\x00a")
        await writer.drain()

    answer = await post(behave)
    assert answer.text == "\ufffd\x00a"
