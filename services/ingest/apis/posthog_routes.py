"""PostHog's SDKs with their host set to ours: `/batch/`, `/capture/` (and its other paths), `/i/v1/analytics/events`.

In version 0 of the protocol the key is `api_key` in the body; 200 means that everything was stored, 400 that something was
refused: the SDK calls its `on_error` with that, and does not send it again. In version 1 the key is a Bearer token, and 200 says
of every event what became of it, `ok` or `drop`; the SDK calls `on_error` for what was dropped. Everything else is a problem, and
sent again when it is 408, 429 or 5xx.
"""

from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.apis.posthog import Batch, Captured, read_captured
from services.ingest.errors import Outcome, Problem, Refused
from services.ingest.http.answers import counted_route, described, json_answer
from services.ingest.http.auth import presented_key
from services.ingest.http.body import JSON, content_type, read_body
from services.ingest.intake import Intake
from services.ingest.reading.json_read import read_object
from services.ingest.reading.split import split_batch
from services.ingest.sender import Sender, Taken

SINGLE = ("/capture/", "/e/", "/i/v0/e/")
BATCHED = "/batch/"
VERSION_1 = "/i/v1/analytics/events"


def posthog_router(intake: Intake) -> APIRouter:
    """The routes that PostHog's SDKs call, at PostHog's own paths: they know no prefix."""
    router = APIRouter(tags=["posthog"], route_class=counted_route(intake.metrics, _nothing_more))
    for path in (*SINGLE, BATCHED):
        batched = path == BATCHED
        router.add_api_route(path, partial(_version_0, intake, batched), methods=["POST"], **_documented(path, batched=batched))
    router.add_api_route(VERSION_1, partial(_version_1, intake), methods=["POST"], **_documented(VERSION_1, batched=True))
    return router


async def _version_0(intake: Intake, batched: bool, request: Request) -> Response:
    content_type(request, (JSON,))
    body = await read_body(request)
    events, batch = split_batch(body, Batch) if batched else ([body], _around(body))
    sender = await intake.sender(batch.api_key, request)
    outcome = await intake.store(events, partial(read_captured, batch=batch), sender)
    if not outcome.refused:
        return json_answer({"status": 1, "accepted": outcome.accepted})
    refused = {"accepted": outcome.accepted, "refused": outcome.refused}
    return json_answer({"status": 0, "code": "refused", "detail": _detail(outcome), **refused}, 400)


async def _version_1(intake: Intake, request: Request) -> Response:
    sender = await intake.sender(presented_key(request), request)
    content_type(request, (JSON,))
    events, batch = split_batch(await read_body(request), Batch)
    batch.sent_at = request.headers.get("posthog-request-timestamp")
    results: dict[str, dict[str, str]] = {}

    def take(raw: bytes, sender: Sender) -> Taken:
        taken = read_captured(raw, sender, batch)
        results[taken.id] = {"result": "ok"}
        return taken

    outcome = await intake.store(events, take, sender)
    for refusal in outcome.refused:
        if refusal.id is not None:
            results[refusal.id] = {"result": "drop", "details": f"{refusal.code} at {refusal.pointer!r}: {refusal.detail}"}
    return json_answer({"results": results, "accepted": outcome.accepted, "refused": outcome.refused})


def _around(body: bytes) -> Batch:
    """What a single event says beside itself."""
    try:
        value = read_object(body)
        return msgspec.convert({**value, "batch": []}, Batch)
    except Refused as refused:
        raise Problem(400, refused.code, refused.detail, pointer=refused.pointer) from refused
    except msgspec.ValidationError as error:
        raise Problem(400, "wrong_type", str(error).replace("`", ""), pointer="") from error


def _detail(outcome: Outcome) -> str:
    first = outcome.refused[0]
    counts = f"{len(outcome.refused)} refused, {outcome.accepted} stored"
    return f"{counts}; event {first.index}: {first.code} at {first.pointer!r}: {first.detail}"


def _nothing_more(_problem: Problem) -> dict[str, Any]:
    return {}


def _documented(path: str, *, batched: bool) -> dict[str, Any]:
    of_each = path == VERSION_1
    done = {"$ref": f"#/components/schemas/{'PosthogResults' if of_each else 'PosthogStored'}"}
    what = "What became of each event." if of_each else "Everything was stored."
    refused = "The body is not what it should be." if of_each else "What `refused` names was not stored, the rest was."
    responses = described(200, what, done, {"$ref": "#/components/schemas/PosthogRefused"}, refused)
    shape = {"$ref": f"#/components/schemas/{'PosthogBatch' if batched else 'PosthogEvent'}"}
    return {
        "summary": f"PostHog's {path}",
        "operation_id": f"posthog_{path.strip('/').replace('/', '_')}",
        "responses": responses,
        "openapi_extra": {
            "requestBody": {"required": True, "content": {JSON: {"schema": shape}}},
            "security": [{"key": []}] if of_each else [{}],
        },
    }


def posthog_schemas() -> dict[str, Any]:
    """OpenAPI's schemas of what these routes take and answer."""
    text, number = {"type": "string"}, {"type": "integer"}
    refused = {"type": "array", "items": {"$ref": "#/components/schemas/Refusal"}}
    _, schemas = msgspec.json.schema_components([Captured], ref_template="#/components/schemas/{name}")
    fields = {**schemas["Captured"]["properties"], "api_key": text, "sent_at": text}
    batch = {"type": "array", "items": {"$ref": "#/components/schemas/PosthogEvent"}, "maxItems": 2500}
    around = {"api_key": text, "sent_at": text, "historical_migration": {"type": "boolean", "description": "Imported history."}}
    result = {"type": "object", "properties": {"result": {"enum": ["ok", "drop"]}, "details": text}}
    return {
        "PosthogEvent": {"type": "object", "required": ["event"], "properties": fields},
        "PosthogBatch": {"type": "object", "required": ["batch"], "properties": {"batch": batch, **around}},
        "PosthogStored": {"type": "object", "properties": {"status": number, "accepted": number}},
        "PosthogRefused": {
            "type": "object",
            "properties": {"status": number, "code": text, "detail": text, "accepted": number, "refused": refused},
        },
        "PosthogResults": {
            "type": "object",
            "properties": {
                "results": {"type": "object", "additionalProperties": result, "description": "By the events' `uuid`."},
                "accepted": number,
                "refused": refused,
            },
        },
    }
