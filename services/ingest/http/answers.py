"""Answers over HTTP, and what OpenAPI says of them. A problem is problem+json (RFC 9457) with a stable `code`."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.routing import APIRoute
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.errors import ITEM_CODES, NewId, Outcome, Problem, Refusal
from services.ingest.http.browsers import for_page
from services.ingest.metrics import Metrics

PROBLEM_JSON = "application/problem+json"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def problem_answer(problem: Problem, **more: Any) -> Response:
    """A problem as an answer; `more` are further members of its body."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **more,
    }
    if problem.pointer is not None:
        body["pointer"] = problem.pointer
    return Response(msgspec.json.encode(body), problem.status, problem.headers, PROBLEM_JSON)


def json_answer(body: object, status: int = 200) -> Response:
    """Any value of ours as JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def counted_route(metrics: Metrics, more: Callable[[Problem], dict[str, Any]]) -> type[APIRoute]:
    """Routes that answer problems as problem+json, with what `more` adds to it, and count what they answered."""

    class CountedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            # They take the request and give the answer: there is nothing for FastAPI to look up, check or convert.
            handle: Handler = self.endpoint
            answered: dict[int, Counter] = {}

            async def answer(request: Request) -> Response:
                try:
                    response = await handle(request)
                except Problem as problem:
                    response = problem_answer(problem, **more(problem))
                status = response.status_code
                if status not in answered:
                    answered[status] = metrics.requests.labels(self.path, str(status))
                answered[status].inc()
                return for_page(response, request)

            return answer

    return CountedRoute


_TEXT = {"type": "string"}
_SHOWN = {
    400: "Nothing was stored: the body is not what it should be.",
    401: "No valid key. The answer is the same whatever is wrong with it.",
    403: "A valid key, but not one to write with, or not in this web page.",
    408: "The body took longer than 30 s.",
    413: "More than 500 kB (unpacked) or 2,500 events. Nothing was stored.",
    415: "A Content-Type or Content-Encoding that is not taken.",
    429: "More events than this key may send now: nothing was stored. Send them again after `Retry-After` seconds.",
    503: "The log is away, or overloaded: nothing is promised. Send it again with the same ids, after `Retry-After` seconds.",
}


def described(success: int, what: str, shape: dict[str, Any], refusal: dict[str, Any], refused: str) -> dict[int | str, Any]:
    """OpenAPI's `responses` of a route that takes events: its success, and everything that can go wrong."""
    answers: dict[int | str, Any] = {success: {"description": what, "content": {"application/json": {"schema": shape}}}}
    for status, meaning in _SHOWN.items():
        content: dict[str, Any] = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        answers[status] = {"description": meaning, "content": content}
    answers[400]["description"] = f"{refused} Or, as a problem: {_SHOWN[400]}"
    answers[400]["content"]["application/json"] = {"schema": refusal}
    for status in (429, 503):
        answers[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    answers[401]["headers"] = {"WWW-Authenticate": {"schema": _TEXT}}
    return answers


def components(*structs: type[msgspec.Struct]) -> dict[str, Any]:
    """OpenAPI's schemas of the answers and of `structs`."""
    _, schemas = msgspec.json.schema_components([Outcome, Refusal, NewId, *structs], ref_template="#/components/schemas/{name}")
    codes = "; ".join(f"`{code}`: {meaning}" for code, meaning in ITEM_CODES.items())
    fields = schemas["Refusal"]["properties"]
    fields["code"] |= {"enum": list(ITEM_CODES), "description": codes}
    schemas["Refusal"]["properties"]["pointer"]["description"] = (
        "A JSON pointer (RFC 6901) into the item; empty is the item itself."
    )
    schemas["Problem"] = {
        "type": "object",
        "description": "RFC 9457, with a `code` that programs may rely on.",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": _TEXT,
            "detail": _TEXT,
            "pointer": {**_TEXT, "description": "Where in the body, as a JSON pointer."},
        },
    }
    return schemas
