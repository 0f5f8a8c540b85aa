"""`POST /v1/sources/{source}`: what vendors' webhooks call. Verified over the raw body before anything in it is read.

What a vendor takes for "try again" and for "done" is not the same everywhere; what they all agree on is kept to: 2xx only when
everything is stored, 401 for a signature that is not right, 503 when it should come again, never 410, which ends a subscription.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.errors import Problem, Refused
from services.ingest.http.answers import counted_route, described, json_answer
from services.ingest.http.body import read_body
from services.ingest.intake import Intake
from services.ingest.receiving.configured import Configured, ConfiguredSources, SourcesUnavailable
from services.ingest.receiving.reported import events_of, notifications_of
from services.ingest.receiving.signatures import same_secret
from services.ingest.sources.contract import Answer, Incoming, Told
from shared import topics
from shared.secrets import SecretMissing, read_secret

_DETAILS = """
`source` is the name of the entry in the workspace's `sources`. `docs/sources.md` says for each kind how it is connected, how it
is verified, and what its events become.
"""
_ANSWERED = {"type": "object", "description": 'What the vendor wants to hear; for most `{"accepted": 1}`.'}

_log = structlog.get_logger(service="ingest")


def sources_router(intake: Intake, configured: ConfiguredSources) -> APIRouter:
    """The routes that vendors call."""
    router = APIRouter(prefix="/v1/sources", tags=["sources"], route_class=counted_route(intake.metrics, lambda _: {}))

    async def receive(request: Request) -> Response:
        found = await _named(configured, request.path_params["source"])
        incoming = await _incoming(intake, request)
        return await _received(intake, found, incoming, request.path_params.get("token"))

    async def exists(request: Request) -> Response:
        await _named(configured, request.path_params["source"])
        return Response()

    for path, operation in (("/{source}", "receive"), ("/{source}/{token}", "receive_by_token")):
        router.add_api_route(path, receive, methods=["POST"], **_documented(path, operation))
        router.add_api_route(path, exists, methods=["HEAD"], include_in_schema=False)
    return router


async def _named(configured: ConfiguredSources, name: str) -> Configured:
    try:
        found = await configured.named(name)
    except SourcesUnavailable:
        detail = "sources cannot be asked for at the moment: try again"
        raise Problem(503, "sources_unavailable", detail, headers={"Retry-After": "2"}) from None
    if found is None:
        raise Problem(404, "unknown_source", f"there is no source {name[:100]!r} in the workspace")
    return found


async def _incoming(intake: Intake, request: Request) -> Incoming:
    query = request.url.query
    return Incoming(
        method=request.method,
        path=request.url.path + (f"?{query}" if query else ""),
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=await read_body(request),
        received_at=intake.now(),
    )


async def _received(intake: Intake, found: Configured, incoming: Incoming, token: str | None) -> Response:
    source, settings = found.source, found.settings
    secrets = _read(found, settings.secret)
    if source.greet is not None and (greeting := source.greet(incoming, settings, secrets)) is not None:
        return _response(greeting)
    _require_proof(found, incoming, token, secrets)
    try:
        told = source.read(incoming, settings)
    except Refused as refused:
        intake.metrics.refused.labels(found.name, refused.code).inc()
        _log.warning("source.refused", source=found.name, code=refused.code, pointer=refused.pointer, detail=refused.detail)
        raise Problem(400, refused.code, refused.detail, pointer=refused.pointer) from None
    await _store(intake, found, told, incoming)
    if source.answer is not None:
        return _response(source.answer(incoming, len(told)))
    return json_answer({"accepted": len(told)})


async def _store(intake: Intake, found: Configured, told: Sequence[Told], incoming: Incoming) -> None:
    """Events before notifications; if the second fails, all comes again and the first are repeats."""
    entries = events_of(told, found.name, found.source.kind, found.settings)
    if entries:
        await intake.append(topics.EVENTS, entries, found.name)
    notifications = notifications_of(told, found.name, incoming.received_at)
    if notifications:
        await intake.append(topics.NOTIFICATIONS, notifications, found.name)
    intake.metrics.accepted.labels(found.name).inc(len(told))


def _require_proof(found: Configured, incoming: Incoming, token: str | None, secrets: Sequence[bytes]) -> None:
    """Everything that is configured must hold: the token, the signature. Which of them failed is not said."""
    source, settings = found.source, found.settings
    proofs = []
    if settings.token:
        proofs.append(same_secret(token or incoming.password, _read(found, settings.token)))
    if secrets and source.verified is not None:
        proofs.append(source.verified(incoming, settings, secrets))
    if not proofs or not all(proofs):
        _log.warning("source.unverified", source=found.name)
        raise Problem(401, "unauthorized", "the request is not signed as this source's requests are")


def _read(found: Configured, references: Sequence[str]) -> list[bytes]:
    """The secrets that are there; of two, one may not have arrived on this machine yet."""
    values, missing = [], []
    for reference in references:
        try:
            values.append(read_secret(reference).encode())
        except SecretMissing as error:
            missing.append(str(error))
    if missing:
        _log.error("source.secret_missing", source=found.name, missing=missing)
    if references and not values:
        detail = "the secret of this source is not set: try again later"
        raise Problem(503, "secret_missing", detail, headers={"Retry-After": "30"})
    return values


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.content_type)


def _documented(path: str, operation: str) -> dict[str, Any]:
    refused = "The body is not what this vendor sends. Nothing of it was stored."
    responses = described(200, "Everything is stored.", _ANSWERED, {"$ref": "#/components/schemas/Problem"}, refused)
    responses[404] = {"description": "The workspace has no such source.", "content": responses[401]["content"]}
    unsigned = "Not signed as it should be. The answer is the same whatever is wrong."
    responses[401] = {"description": unsigned, "content": responses[401]["content"]}
    for status in (403, 415):
        del responses[status]
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _names(path)]
    return {
        "summary": "Receive a vendor's webhook" + (", by a token in its URL" if len(parameters) > 1 else ""),
        "description": _DETAILS,
        "operation_id": operation,
        "responses": responses,
        "openapi_extra": {"parameters": parameters, "requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}},
    }


def _names(path: str) -> list[str]:
    return [part.strip("{}") for part in path.split("/") if part]
