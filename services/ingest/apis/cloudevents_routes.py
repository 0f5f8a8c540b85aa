"""`POST /v1/cloudevents`: one event (structured or binary) or a batch; and `OPTIONS`, which agrees to be sent events.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.apis.cloudevents import LARGEST_CLOUD_EVENT, read_structured
from services.ingest.apis.cloudevents_binary import is_binary, read_binary
from services.ingest.errors import Outcome, Problem
from services.ingest.http.answers import counted_route, described, json_answer
from services.ingest.http.auth import presented_key
from services.ingest.http.body import content_type, read_body
from services.ingest.intake import Intake
from services.ingest.reading.split import split_json
from services.ingest.sender import Sender

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

# A DNS expression: `eventemitter.example.com`, `*.example.com`.
_ORIGIN = re.compile(r"[A-Za-z0-9.*_-]{1,253}")
_RATE = re.compile(r"[1-9][0-9]{0,9}")
_OUTCOME = {"$ref": "#/components/schemas/Outcome"}
_EVENT = {"$ref": "#/components/schemas/CloudEvent"}
_DETAILS = """
CloudEvents 1.0: structured (`application/cloudevents+json`), batched (`application/cloudevents-batch+json`), or binary (with its
attributes in `ce-*` headers, and any other Content-Type). 202 when all of it was stored, also of an empty batch. Otherwise 400:
what `refused` names was not stored, the rest was. Sent again it counts once: an event is named by its account, `source` and `id`.

At most 64 kB an event, 500 kB (unpacked) and 2,500 events a batch. The key is a Bearer token or, where a sender cannot have
headers, the query parameter `access_token`.
"""


def cloudevents_router(intake: Intake) -> APIRouter:
    """The route for whoever speaks CloudEvents."""
    router = APIRouter(prefix="/v1", tags=["cloudevents"], route_class=counted_route(intake.metrics, _nothing_stored))
    stored = described(202, "Everything was stored.", _OUTCOME, _OUTCOME, "What `refused` names was not stored, the rest was.")
    router.add_api_route(
        "/cloudevents",
        partial(_receive, intake),
        methods=["POST"],
        status_code=202,
        summary="Send CloudEvents",
        description=_DETAILS,
        operation_id="send_cloudevents",
        responses=stored,
        openapi_extra={"requestBody": _content(), "parameters": _parameters(), "security": [{"key": []}, {"basic_key": []}, {}]},
    )
    router.add_api_route(
        "/cloudevents",
        _handshake,
        methods=["OPTIONS"],
        status_code=204,
        summary="Agree to be sent CloudEvents",
        description="The abuse protection of CloudEvents' webhooks. It grants no right: every delivery needs a key.",
        operation_id="cloudevents_handshake",
        responses={204: {"description": "`POST` is allowed; with `WebHook-Request-Origin`, to that origin."}},
    )
    return router


async def _receive(intake: Intake, request: Request) -> Response:
    in_query = request.query_params.get("access_token")
    sender = await intake.sender(presented_key(request) or in_query, request)
    outcome = await _store(intake, request, sender)
    answer = json_answer(outcome, 400 if outcome.refused else 202)
    if in_query is not None:
        answer.headers["Cache-Control"] = "private"
    return answer


async def _store(intake: Intake, request: Request, sender: Sender) -> Outcome:
    kind = request.headers.get("content-type", "").strip().lower()
    if kind.startswith("application/cloudevents"):
        batched = content_type(request, (STRUCTURED, BATCH)) == BATCH
        body = await read_body(request)
        return await intake.store(_batch(body) if batched else [body], read_structured, sender)
    headers = request.headers.raw
    if not is_binary(headers):
        detail = f"this is no CloudEvent: send {STRUCTURED} or {BATCH}, or the attributes in headers (ce-id, ...)"
        raise Problem(415, "unsupported_media_type", detail)
    return await intake.store([await read_body(request)], partial(read_binary, headers=headers), sender)


def _batch(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    if body.lstrip()[:1] == b"{":
        raise Problem(400, "wrong_type", "a batch is a list of events", pointer="")
    return split_json(body)


async def _handshake(request: Request) -> Response:
    headers = {"Allow": "OPTIONS, POST"}
    origin = request.headers.get("webhook-request-origin", "")
    if _ORIGIN.fullmatch(origin):
        rate = request.headers.get("webhook-request-rate", "")
        headers["WebHook-Allowed-Origin"] = origin
        # What is beyond a key's rate hears 429 then.
        headers["WebHook-Allowed-Rate"] = rate if _RATE.fullmatch(rate) else "*"
    return Response(status_code=204, headers=headers)


def _nothing_stored(problem: Problem) -> dict[str, Any]:
    return {"accepted": 0, "refused": []} if problem.status < 500 else {}


def _content() -> dict[str, Any]:
    return {
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT, "maxItems": 2500}},
            "application/json": {"schema": {"description": "The data of an event in binary mode."}},
        }
    }


def _parameters() -> list[dict[str, Any]]:
    text = {"type": "string"}
    headers = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": text,
        "ce-source": text,
        "ce-type": text,
        "ce-subject": text,
        "ce-time": {**text, "format": "date-time"},
        "ce-accountid": text,
        "ce-userid": text,
    }
    query = {"name": "access_token", "in": "query", "schema": text, "description": "A write key."}
    described = [
        {"name": name, "in": "header", "schema": schema, "description": "Binary mode."} for name, schema in headers.items()
    ]
    return [query, *described]


def cloudevents_schemas() -> dict[str, Any]:
    """OpenAPI's schema of an event, after the one that CloudEvents publishes."""
    text = {"type": ["string", "null"]}
    filled = {"type": "string", "minLength": 1}
    fields = {
        "specversion": {"const": "1.0"},
        "id": {**filled, "maxLength": 256},
        "source": {**filled, "maxLength": 256, "format": "uri-reference"},
        "type": {**filled, "maxLength": 200, "description": "The event's name: `report.exported`."},
        "time": {**text, "format": "date-time", "description": "When it happened. Default: when it is received."},
        "subject": {**text, "minLength": 1, "description": "The account, when nothing else names it."},
        "accountid": {"type": ["string", "integer", "null"], "description": "The customer company: an extension."},
        "userid": {"type": ["string", "integer", "null"], "description": "The person: an extension."},
        "datacontenttype": {**text, "minLength": 1},
        "dataschema": {**text, "format": "uri"},
        "data": {"description": "The properties."},
        "data_base64": {**text, "contentEncoding": "base64", "description": "Instead of `data`."},
    }
    extension = {"type": ["string", "boolean", "integer", "null"]}
    return {
        "CloudEvent": {
            "type": "object",
            "description": f"At most {LARGEST_CLOUD_EVENT:,} bytes.",
            "required": ["specversion", "id", "source", "type"],
            "properties": fields,
            "additionalProperties": extension,
        }
    }
