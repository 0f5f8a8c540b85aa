"""Several apps on one port, told apart by the path."""

from starlette.types import ASGIApp, Receive, Scope, Send


def one_port(console: ASGIApp, ingest: ASGIApp, health: ASGIApp) -> ASGIApp:
    """`/api/...` is the console's, `/livez`, `/readyz` and `/metrics` are the process's, the rest is ingest's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == "/api" or path.startswith("/api/"):
            await console(scope, receive, send)
        elif path in ("/livez", "/readyz", "/metrics"):
            await health(scope, receive, send)
        else:
            await ingest(scope, receive, send)

    return app
