"""`POST /v1/track`, `/v1/identify`, ... and `/v1/batch`: an SDK of Segment with its host set to ours finds what it expects.

200 means that everything was stored. Where something was refused the answer is 400, with what, and why: SDKs do not send that
again, and call their error callback with it; what is not in `refused` was stored.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.apis.segment import CALLS, Batch, read_message
from services.ingest.errors import Outcome, Problem, Refused
from services.ingest.http.answers import counted_route, described, json_answer
from services.ingest.http.auth import presented_key
from services.ingest.http.body import JSON, content_type, read_body
from services.ingest.http.browsers import add_preflights
from services.ingest.intake import Intake
from services.ingest.reading.json_read import read_object
from services.ingest.reading.split import split_batch

# Browsers send text/plain, which spares them a question before each request.
_TYPES = (JSON, "text/plain")


def segment_router(intake: Intake) -> APIRouter:
    """The routes that Segment's SDKs call."""
    router = APIRouter(prefix="/v1", tags=["segment"], route_class=counted_route(intake.metrics, _for_sdk))
    for kind in CALLS:
        router.add_api_route(f"/{kind}", partial(_one, intake, kind), methods=["POST"], **_documented(kind))
    router.add_api_route("/batch", partial(_batch, intake), methods=["POST"], **_documented("batch"))
    add_preflights(router, intake.keys)
    return router


async def _one(intake: Intake, kind: str, request: Request) -> Response:
    presented = presented_key(request)
    sender = await intake.sender(presented, request) if presented is not None else None
    content_type(request, _TYPES)
    body = await read_body(request)
    if sender is None:
        sender = await intake.sender(_key_inside(body), request)
    return _answer(await intake.store([body], partial(read_message, kind=kind), sender))


async def _batch(intake: Intake, request: Request) -> Response:
    presented = presented_key(request)
    sender = await intake.sender(presented, request) if presented is not None else None
    content_type(request, _TYPES)
    body = await read_body(request)
    messages, batch = split_batch(body, Batch)
    if sender is None:
        sender = await intake.sender(batch.write_key, request)
    return _answer(await intake.store(messages, partial(read_message, batch=batch), sender))


def _key_inside(body: bytes) -> str | None:
    try:
        key = read_object(body).get("writeKey")
    except Refused:
        return None
    return key if isinstance(key, str) else None


def _answer(outcome: Outcome) -> Response:
    if not outcome.refused:
        return json_answer({"success": True, "accepted": outcome.accepted})
    first = outcome.refused[0]
    where = f" at {first.pointer}" if first.pointer else ""
    message = (
        f"{len(outcome.refused)} refused, {outcome.accepted} stored; message {first.index}: {first.code}{where}: {first.detail}"
    )
    refused = {"accepted": outcome.accepted, "refused": outcome.refused}
    return json_answer({"success": False, "code": "refused", "message": message, **refused}, 400)


def _for_sdk(problem: Problem) -> dict[str, Any]:
    # analytics-python and others show `code` and `message` of what they are answered.
    return {"success": False, "message": problem.detail}


def _documented(call: str) -> dict[str, Any]:
    stored = {"$ref": "#/components/schemas/Delivered"}
    refused = {"$ref": "#/components/schemas/NotDelivered"}
    shape = {"$ref": f"#/components/schemas/{'SegmentBatch' if call == 'batch' else 'SegmentMessage'}"}
    return {
        "summary": f"Segment's {call}",
        "operation_id": f"segment_{call}",
        "responses": described(
            200, "Everything was stored.", stored, refused, "What `refused` names was not stored, the rest was."
        ),
        "openapi_extra": {
            "requestBody": {"required": True, "content": {kind: {"schema": shape} for kind in _TYPES}},
            "security": [{"basic_key": []}, {"key": []}, {}],
        },
    }


def segment_schemas() -> dict[str, Any]:
    """OpenAPI's schemas of what these routes take and answer."""
    text, thing, identifier = {"type": "string"}, {"type": "object"}, {"type": ["string", "integer"]}
    fields = {
        "messageId": identifier,
        "userId": identifier,
        "anonymousId": identifier,
        "groupId": identifier,
        "previousId": identifier,
        "event": text,
        "name": text,
        "category": text,
        "properties": thing,
        "traits": thing,
        "timestamp": {**text, "format": "date-time"},
        "sentAt": {**text, "format": "date-time"},
        "context": {"type": "object", "properties": {"groupId": identifier}, "description": "`groupId` is the account."},
    }
    message = {"type": "object", "properties": {"type": {"enum": list(CALLS)}, **fields}, "description": "As in Segment's spec."}
    refused = {"type": "array", "items": {"$ref": "#/components/schemas/Refusal"}}
    success, accepted = {"type": "boolean"}, {"type": "integer"}
    return {
        "SegmentMessage": message,
        "SegmentBatch": {
            "type": "object",
            "required": ["batch"],
            "properties": {
                "batch": {"type": "array", "items": {"$ref": "#/components/schemas/SegmentMessage"}, "maxItems": 2500},
                "context": thing,
                "sentAt": text,
                "writeKey": text,
            },
        },
        "Delivered": {"type": "object", "properties": {"success": success, "accepted": accepted}},
        "NotDelivered": {
            "type": "object",
            "properties": {"success": success, "code": text, "message": text, "accepted": accepted, "refused": refused},
        },
    }
