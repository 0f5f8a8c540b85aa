"""The service on a real port, in a thread of its own, so that blocking clients can talk to it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from starlette.types import ASGIApp

from services.ingest.http.protocol import Patience
from services.ingest.http.server import ORDINARY, Server, http_server


@contextlib.contextmanager
def served(make_app: Callable[[], ASGIApp], patience: Patience = ORDINARY) -> Iterator[int]:
    """Serve the app on 127.0.0.1; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        running: list[tuple[asyncio.AbstractEventLoop, Server]] = []
        begun = threading.Event()

        async def serve() -> None:
            server = http_server(make_app(), "127.0.0.1", port, patience)
            running.append((asyncio.get_running_loop(), server))
            begun.set()
            await server.serve(sockets=[listening])

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        assert begun.wait(10)
        loop, server = running[0]
        try:
            yield port
        finally:
            loop.call_soon_threadsafe(server.end)
            thread.join(20)
            assert not thread.is_alive()
