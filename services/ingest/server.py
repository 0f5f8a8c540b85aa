"""The HTTP server under ingest: uvicorn, with bounds on what it keeps before the app has a say."""

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.ingest.body import LARGEST_BODY

LARGEST_HEAD = 64 * 1024
# Of a body that was refused already, this much is read and thrown away, so that a client that writes first and reads later
# still finds its answer; then the connection is cut.
MOST_THROWN_AWAY = 16 * LARGEST_BODY


class HeadTooLarge(Exception):
    """A request's line and headers are larger than anybody's: httptools answers 400 and closes."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which would keep as many headers as are sent."""

    _head = 0
    _thrown_away = 0

    def on_message_begin(self) -> None:
        """Start to count anew."""
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

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.cycle.response_complete:
            self._thrown_away += len(body)
            if self._thrown_away > MOST_THROWN_AWAY:
                self.transport.close()
        super().on_body(body)

    def _grow(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            raise HeadTooLarge


class Server(uvicorn.Server):
    """uvicorn's own server, which leaves signals to the loop: otherwise they would be raised again before the log is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield

    def end(self) -> None:
        """Finish what is being answered, then end."""
        self.should_exit = True


def http_server(app: ASGIApp, host: str, port: int) -> Server:
    """A server for any app of ours; `await server.serve()` runs it until `end` is called."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody asks who the client is.
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )
    return Server(config)
