"""The HTTP server under ingest: uvicorn, with bounds on what it keeps before the app has a say (`protocol`)."""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from services.ingest.http.protocol import BoundedProtocol, Patience, Received

ORDINARY = Patience()


class Server(uvicorn.Server):
    """uvicorn's own server, which leaves signals to the loop: otherwise they would be raised again before the log is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield

    def end(self) -> None:
        """Finish what is being answered, then end."""
        self.should_exit = True


def http_server(app: ASGIApp, host: str, port: int, patience: Patience = ORDINARY) -> Server:
    """A server for any app of ours; `await server.serve()` runs it until `end` is called."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=cast(type[BoundedProtocol], partial(BoundedProtocol, patience, Received())),
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
