"""HTTP requests to tools and vendors: the name is resolved once, every address checked, and a checked address dialled.

No redirects, no proxies from the environment, no decompression; of an answer at most 64 kB is kept unless more
is asked for, and everything together has one deadline. `Host` and the TLS name stay those of the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from shared.outbound.addresses import refusal

DEADLINE_SECONDS = 30.0
RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 10.0
MAX_ANSWER = 65_536
MAX_CONNECTIONS = 100
# How many of a name's addresses are tried.
MAX_ADDRESSES = 4

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Unreachable(Exception):
    """No complete answer: what was asked for may have happened or not."""


class AddressRefused(Exception):
    """The address is not one that we may dial. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `text` is cut where more was not wanted, undecodable bytes replaced."""

    status: int
    headers: Mapping[str, str]
    text: str


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver.

    Raises:
        Unreachable: the name has no address.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("the name has no address") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Dials only addresses that were checked after the one and only resolution."""

    def __init__(self, *, private: bool, resolve: Resolve, dial: httpcore.AsyncNetworkBackend) -> None:
        """`private`: whether addresses that are not public may be dialled."""
        self._private = private
        self._resolve = resolve
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefused, or httpcore.ConnectError when no address answers."""
        addresses = await self._resolve(host, port)
        if not self._private:
            for address in addresses:
                why = refusal(address)
                if why is not None:
                    raise AddressRefused(f"{why}: its settings would have to say private_network: allowed")
        refused: Exception = httpcore.ConnectError("no address")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._dial.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused

    async def sleep(self, seconds: float) -> None:
        """Part of the interface."""
        await asyncio.sleep(seconds)


class CheckedTransport(httpx.AsyncBaseTransport):
    """httpx on a pool of connections whose addresses were checked."""

    def __init__(self, network: CheckedNetwork, tls: ssl.SSLContext) -> None:
        """One pool; `tls` is shared with other transports."""
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=MAX_CONNECTIONS, keepalive_expiry=5.0, network_backend=network
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises Unreachable or AddressRefused."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        asked = httpcore.Request(
            method=request.method, url=url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        try:
            answer = await self._pool.handle_async_request(asked)
        except httpcore.UnsupportedProtocol:
            raise AddressRefused("the URL cannot be used: it is neither http nor https") from None
        except _BROKEN as error:
            raise Unreachable(_why(error)) from None
        return httpx.Response(status_code=answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.aiter_stream():
                yield chunk
        except _BROKEN as error:
            raise Unreachable(_why(error)) from None

    async def aclose(self) -> None:
        await self._answer.aclose()


class Http:
    """What connectors send with, and sources ask with."""

    def __init__(
        self,
        deadline: float = DEADLINE_SECONDS,
        resolve: Resolve = resolve,
        dial: httpcore.AsyncNetworkBackend | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`deadline` in seconds is for one request as a whole; `transport` takes the place of the network."""
        self._deadline = deadline
        tls = httpx.create_ssl_context(trust_env=False)
        line = dial or httpcore.AnyIOBackend()
        self._clients = {
            private: httpx.AsyncClient(
                transport=transport or CheckedTransport(CheckedNetwork(private=private, resolve=resolve, dial=line), tls),
                follow_redirects=False,
                trust_env=False,
                timeout=httpx.Timeout(deadline, connect=CONNECT_SECONDS),
                headers={"user-agent": "successplays", "accept-encoding": "identity"},
            )
            for private in (False, True)
        }

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> Answer:
        """POST `body` and read the answer. Raises as `request`."""
        return await self.request("POST", url, body, headers, private=private)

    async def get(self, url: str, headers: Mapping[str, str], *, private: bool = False, most: int = MAX_ANSWER) -> Answer:
        """GET, and read the answer. Raises as `request`."""
        return await self.request("GET", url, None, headers, private=private, most=most)

    async def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        private: bool = False,
        most: int = MAX_ANSWER,
    ) -> Answer:
        """One request and its answer, of which `most` bytes are kept.

        Raises:
            Unreachable: no complete answer within the deadline.
            AddressRefused: the URL leads to an address that may not be dialled.
        """
        try:
            async with asyncio.timeout(self._deadline):
                async with self._clients[private].stream(method, url, content=body, headers=dict(headers)) as response:
                    return Answer(response.status_code, response.headers, await _read(response, most))
        except TimeoutError:
            raise Unreachable(f"no complete answer within {self._deadline:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise AddressRefused("the URL cannot be used") from None
        except httpx.HTTPError as error:
            raise Unreachable(_why(error)) from None

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()


async def _read(response: httpx.Response, most: int) -> str:
    kept = bytearray()
    async for chunk in response.aiter_raw():
        kept += chunk[: most - len(kept)]
        if len(kept) >= most:
            break
    return kept.decode("utf-8", "replace")


_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


def _why(error: Exception) -> str:
    """A sentence without the URL, which may be a secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return "it refuses connections"
        cause = cause.__cause__ or cause.__context__
    words = {
        "ConnectTimeout": "no connection within the time",
        "ConnectError": "no connection",
        "ReadTimeout": "no answer within the time",
        "ReadError": "the connection broke",
        "WriteError": "the connection broke",
        "RemoteProtocolError": "the answer is not HTTP, or ended early",
    }
    return words.get(type(error).__name__, f"the request failed ({type(error).__name__})")
