"""Requests from web pages: only with a key that states the page, and only such a page may read the answer.

A key that states no origin is a server's: in a page, where everybody can read it, it is refused. A browser asks before a request
that is not a simple one (a preflight, without a key): it is told yes for an origin that any key states.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.errors import Problem
from shared.key_ring import KeyRing, KeysUnavailable
from shared.keys import ApiKey

# In the scope of a request: the page that may read its answer.
_PAGE = "successplays.page"
_ALLOWED = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding",
    "Access-Control-Max-Age": "600",
}


def require_page(key: ApiKey, request: Request) -> None:
    """Raises Problem 403: a browser's key outside the pages that it states, or a server's key in a page."""
    origin = request.headers.get("origin")
    if origin is not None and origin != "null" and "://" not in origin:
        # No browser writes that: CloudEvents' older webhooks name the sending system so.
        origin = None
    if origin is None and not key.origins:
        return
    if origin not in key.origins:
        where = "outside a web page" if origin is None else f"in pages of {origin[:200]!r}"
        raise Problem(403, "forbidden", f"this key may not be used {where}: `keys create --browser --origin` makes one that may")
    request.scope[_PAGE] = origin


def for_page(answer: Response, request: Request) -> Response:
    """The answer, readable by the page whose key was right."""
    page = request.scope.get(_PAGE)
    if page is not None:
        answer.headers["Access-Control-Allow-Origin"] = page
        answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
    if page is not None or "origin" in request.headers:
        answer.headers["Vary"] = "Origin"
    return answer


def add_preflights(router: APIRouter, keys: KeyRing) -> None:
    """Answer browsers that ask whether a page may use these routes."""
    for path in [route.path.removeprefix(router.prefix) for route in router.routes if hasattr(route, "path")]:
        router.add_api_route(path, partial(_preflight, keys), methods=["OPTIONS"], include_in_schema=False)


async def _preflight(keys: KeyRing, request: Request) -> Response:
    origin = request.headers.get("origin")
    try:
        known = origin is not None and await keys.any_states(origin)
    except KeysUnavailable:
        raise Problem(503, "keys_unavailable", "try again", headers={"Retry-After": "2"}) from None
    if origin is None or not known:
        raise Problem(403, "forbidden", "no key states this origin", headers={"Vary": "Origin"})
    return Response(status_code=204, headers={"Access-Control-Allow-Origin": origin, **_ALLOWED, "Vary": "Origin"})
