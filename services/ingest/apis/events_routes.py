"""`POST /v1/events`: one event, a list, or a line each."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.apis.items import read_item
from services.ingest.apis.plain import read_plain_list
from services.ingest.errors import Problem
from services.ingest.http.answers import counted_route, described, json_answer
from services.ingest.http.auth import presented_key
from services.ingest.http.body import JSON, MOST_EVENTS, NDJSON, content_type, read_body
from services.ingest.http.browsers import add_preflights
from services.ingest.intake import Intake
from services.ingest.reading.split import split_json, split_lines

# It is registered under none of its names.
_LINES = (NDJSON, "application/ndjson", "application/jsonl")
_ITEM = {"$ref": "#/components/schemas/Item"}
_OUTCOME = {"$ref": "#/components/schemas/Outcome"}
_DETAILS = """
The answer comes after the log has the events. Each is taken or refused by itself: `accepted` counts those that were stored,
`refused` names the others by their place in the request. An event without an `id` is given one, which `ids` names; such an event
counts twice when it is sent twice. A repeat of (account, source, id) in the same or the next calendar month counts once.

At most 32 kB an event, 500 kB (unpacked) and 2,500 events a request. `Content-Encoding: gzip` is fine.
"""


def events_router(intake: Intake) -> APIRouter:
    """The routes of our own API."""
    router = APIRouter(prefix="/v1", tags=["events"], route_class=counted_route(intake.metrics, _nothing_stored))

    @router.post(
        "/events",
        status_code=202,
        summary="Send events",
        description=_DETAILS,
        operation_id="send_events",
        responses=described(202, "At least one event was stored.", _OUTCOME, _OUTCOME, "Every event was refused."),
        openapi_extra={"requestBody": {"required": True, "content": _content()}, "security": [{"key": []}, {"basic_key": []}]},
    )
    async def send_events(request: Request) -> Response:
        sender = await intake.sender(presented_key(request), request)
        kind = content_type(request, (JSON, *_LINES))
        body = await read_body(request)
        plain = read_plain_list(body, sender) if kind == JSON and body[:1] == b"[" else None
        if plain and len(plain) <= MOST_EVENTS:
            outcome = await intake.store_entries(plain, sender)
        else:
            items = split_lines(body) if kind in _LINES else split_json(body)
            if not items:
                raise Problem(400, "empty", "there is no event in the body")
            outcome = await intake.store(items, read_item, sender)
        return json_answer(outcome, 202 if outcome.accepted else 400)

    add_preflights(router, intake.keys)
    return router


def _content() -> dict[str, Any]:
    one = {"name": "report.exported", "account_id": "acme", "user_id": "u1", "properties": {"pages": 12}}
    return {
        JSON: {"schema": {"oneOf": [_ITEM, {"type": "array", "items": _ITEM, "maxItems": 2500}]}, "example": one},
        **{kind: {"schema": {"type": "string", "description": "An event on each line."}} for kind in _LINES},
    }


def _nothing_stored(problem: Problem) -> dict[str, Any]:
    # So that a program can read every 4xx alike.
    return {"accepted": 0, "refused": []} if problem.status < 500 else {}
