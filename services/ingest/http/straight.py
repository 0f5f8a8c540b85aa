"""A request whose path is known as it is goes straight to what answers it.

FastAPI describes every route, and finds those with a name in their path. For the others its layers only cost: of the time of a
request with one event they took more than all else together.
"""

from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


def straight(app: ASGIApp, routers: Iterable[APIRouter]) -> ASGIApp:
    """The app, with a short way to the routes of these routers that take a POST and have nothing to fill in in their path."""
    answers = {
        route.path: route.get_route_handler()
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods == {"POST"} and "{" not in route.path
    }

    async def ingest(scope: Scope, receive: Receive, send: Send) -> None:
        answer = answers.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if answer is None:
            await app(scope, receive, send)
            return
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return ingest
