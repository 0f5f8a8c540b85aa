"""What a running service shows: one log line per decision, and its health and metrics over HTTP."""

import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

# Each thing that a service needs, by name, and whether it is there now.
Ready = Callable[[], Awaitable[dict[str, bool]]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def set_up_logging(level: int = logging.INFO) -> None:
    """Log lines go to standard error: coloured for a person at a terminal, JSON for a machine. Called once, by `main`."""
    terminal = sys.stderr.isatty()
    shape: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shape,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_for(service: str) -> Any:
    """A logger whose lines name the service."""
    return structlog.get_logger(service=service)


def health_app(ready: Ready, registry: CollectorRegistry) -> AsgiApp:
    """An ASGI app of `/livez` (the process answers), `/readyz` (503 names what is missing) and `/metrics` (Prometheus' text)."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            status, content_type, body = await health_answer(scope["path"], ready, registry)
            headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


async def health_answer(path: str, ready: Ready, registry: CollectorRegistry) -> tuple[int, str, bytes]:
    """Status, content type and body of one of the three paths, for a service that has other paths beside them; else a 404."""
    if path == "/livez":
        return 200, "application/json", b'{"status":"alive"}'
    if path == "/readyz":
        checks = await ready()
        good = all(checks.values())
        body = {"status": "ready" if good else "not ready", "checks": checks}
        return (200 if good else 503), "application/json", msgspec.json.encode(body)
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": f"there is nothing at {path}"}
    return 404, "application/problem+json", msgspec.json.encode(problem)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
