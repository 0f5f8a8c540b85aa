"""HTTP/1.1 on a connection: uvicorn's own protocol, with bounds on what a client may keep us waiting for and make us keep.

    a head        64 kB of line and headers, within 15 s of its first byte, or of the connection's beginning
    a body        within 30 s of its head; how large, says the route
    all bodies    128 MB together, of all requests that are not answered yet
    an answer     is taken within 30 s

Where the app still has a say, it is told by the scope's `CUT`, and answers itself; otherwise the connection is closed.
"""

import asyncio
from typing import Any, NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.ingest.http.body import CUT, LARGEST_BODY, SECONDS_TO_SEND, TOO_MUCH, TOO_SLOW

LARGEST_HEAD = 64 * 1024
# Of a body that was refused already, this much is read and thrown away, so that a client that writes first and reads later
# still finds its answer; then the connection is cut.
MOST_THROWN_AWAY = 16 * LARGEST_BODY

_HEAD_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 "
_NOTHING, _HEAD, _BODY = 0, 1, 2


class HeadTooLarge(Exception):
    """A request's line and headers are larger than anybody's: httptools answers 400 and closes."""


class Patience(NamedTuple):
    """How long a client may take, in seconds, and how many bytes of bodies all of them may have in memory."""

    head: float = 15.0
    body: float = SECONDS_TO_SEND
    answer: float = 30.0
    received: int = 128 * 1024 * 1024


class Received:
    """How many bytes of bodies are in memory, of all connections of a server."""

    def __init__(self) -> None:
        self.now = 0


class OneWrite:
    """A connection as one answer sees it: its head goes out with the first of its body, which spares a call to the system.

    That was a tenth of the time of a request with one event.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._begun = False

    def write(self, data: bytes) -> None:
        """The head is kept until something follows it; "100 Continue" is no head of an answer."""
        if not self._begun and not data.startswith(_CONTINUE):
            self._begun, self._head = True, data
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """What was written goes out before."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""
        self._transport.close()

    def is_closing(self) -> bool:
        """As the connection."""
        return self._transport.is_closing()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which would wait for a request for ever, and keep as many headers as are sent."""

    def __init__(self, patience: Patience, received: Received, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._patience = patience
        self._received = received
        self._head = self._thrown_away = self._held = 0
        # What is being waited for, of which request of this connection; and for what the timer goes.
        self._part = _NOTHING
        self._requests = 0
        self._timed = (0, _NOTHING)
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ what a client keeps us waiting for

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there, and will say something soon."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn says more than the protocol it implements
        self._part = _HEAD
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A part of a request, a whole one, or several."""
        super().data_received(data)
        if self._timed != (self._requests, self._part):
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is waited for."""
        self._part = _NOTHING
        self._watch()
        self.resume_writing()
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Let the timer go for what is waited for now. A request that comes whole never needs one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = (self._requests, self._part)
        if self._part != _NOTHING:
            seconds = self._patience.head if self._part == _HEAD else self._patience.body
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        # uvicorn has no cycle before the first request.
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if self._part == _BODY and answering:
            self._cut(TOO_SLOW)
            return
        if self._part == _HEAD and self._head and not answering:
            self.transport.write(_HEAD_LATE)
        self.transport.close()

    def _cut(self, why: str) -> None:
        """The app hears that the body has ended, and why."""
        cast(dict[str, Any], self.cycle.scope)[CUT] = why
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def pause_writing(self) -> None:
        """The client does not take what it asked for: not for ever."""
        super().pause_writing()
        self._stalled = self._stalled or self.loop.call_later(self._patience.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """It does after all."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came after the last answer; if that was not even taken, nobody is there any more."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    # ------------------------------------------------------------------ what it makes us keep

    def on_message_begin(self) -> None:
        """Start to count anew."""
        self._requests += 1
        self._part = _HEAD
        self._head = self._thrown_away = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the path."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body comes next."""
        self._part = _BODY
        super().on_headers_complete()
        # What has no body, as the answer to HEAD, would keep its head.
        if self.scope["method"] == "POST":
            self.cycle.transport = cast(asyncio.Transport, OneWrite(self.transport))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.cycle.response_complete:
            self._thrown_away += len(body)
            if self._thrown_away > MOST_THROWN_AWAY:
                self.transport.close()
        else:
            self._held += len(body)
            self._received.now += len(body)
            if self._received.now > self._patience.received:
                self._cut(TOO_MUCH)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._part = _NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The request is answered, and its body forgotten."""
        self._forget()
        super().on_response_complete()

    def _forget(self) -> None:
        self._received.now -= self._held
        self._held = 0

    def _grow(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            raise HeadTooLarge
