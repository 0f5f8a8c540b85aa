"""Ingest as a FastAPI app, or as routers for a process that has other paths beside these."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from services.ingest.apis.cloudevents_routes import cloudevents_router, cloudevents_schemas
from services.ingest.apis.events_routes import events_router
from services.ingest.apis.items import Item
from services.ingest.apis.posthog_routes import posthog_router, posthog_schemas
from services.ingest.apis.segment_routes import segment_router, segment_schemas
from services.ingest.errors import Problem
from services.ingest.http.answers import components, problem_answer
from services.ingest.http.straight import straight
from services.ingest.intake import Intake, Journal
from services.ingest.limits.rate import GENEROUS, Allowance
from services.ingest.metrics import Metrics
from services.ingest.receiving.configured import ConfiguredSources
from services.ingest.receiving.sources_routes import sources_router
from shared.clock import Clock
from shared.key_ring import KeyRing
from shared.telemetry import health_answer

HEALTH = ("/livez", "/readyz", "/metrics")
SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "A write key."},
    "basic_key": {"type": "http", "scheme": "basic", "description": "A write key as the name, without a password."},
}


def new_event_id() -> str:
    """The id of an event that came without one."""
    return str(uuid4())


def ingest_routers(
    log: Journal,
    keys: KeyRing,
    clock: Clock,
    registry: CollectorRegistry,
    new_id: Callable[[], str] = new_event_id,
    allowance: Allowance = GENEROUS,
    configured: ConfiguredSources | None = None,
) -> list[APIRouter]:
    """Everything under `/v1`, and PostHog's paths. They answer their own errors, so any app can include them; `ingest_schemas`
    describes them.

    Without `configured` there are no vendors' webhooks.
    """
    intake = Intake(log, keys, clock, Metrics(registry), new_id, allowance)
    routers = [events_router(intake), segment_router(intake), cloudevents_router(intake), posthog_router(intake)]
    return routers if configured is None else [*routers, sources_router(intake, configured)]


def ingest_schemas() -> dict[str, Any]:
    """What the routers refer to in OpenAPI's `components.schemas`."""
    return components(Item) | segment_schemas() | cloudevents_schemas() | posthog_schemas()


def create_app(
    log: Journal,
    keys: KeyRing,
    clock: Clock,
    registry: CollectorRegistry,
    new_id: Callable[[], str] = new_event_id,
    allowance: Allowance = GENEROUS,
    configured: ConfiguredSources | None = None,
) -> ASGIApp:
    """The whole service: `/v1`, `/livez`, `/readyz`, `/metrics`. Log and keys are the caller's to open and close."""
    app = FastAPI(
        title="successplays ingest",
        version="1",
        description="Events in. An answer says what became of each; it comes after the log has them.",
        docs_url=None,
        redoc_url=None,
        # A sender does not follow; a path that is not there is 404 with a slash at its end as without.
        redirect_slashes=False,
    )
    routers = ingest_routers(log, keys, clock, registry, new_id, allowance, configured)
    for router in routers:
        app.include_router(router)
    app.include_router(_health_router(log, registry))
    app.add_exception_handler(HTTPException, _http_problem)
    describe(app, ingest_schemas())
    return straight(app, routers)


def describe(app: FastAPI, schemas: dict[str, Any]) -> None:
    """Add schemas and the two ways to present a key to an app's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            parts = document.setdefault("components", {})
            parts["schemas"] = parts.get("schemas", {}) | schemas
            parts["securitySchemes"] = parts.get("securitySchemes", {}) | SECURITY
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _health_router(log: Journal, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["health"])

    async def ready() -> dict[str, bool]:
        return {"log": await log.ready()}

    async def health(request: Request) -> Response:
        status, content_type, body = await health_answer(request.url.path, ready, registry)
        return Response(body, status, headers={"content-type": content_type})

    shown: dict[str, dict[int | str, dict[str, Any]]] = {
        "/livez": {200: {"description": "The process answers."}},
        "/readyz": {
            200: {"description": "The log answers."},
            503: {"description": "It does not; the body says what is missing."},
        },
        "/metrics": {200: {"description": "Prometheus' text format.", "content": {"text/plain": {}}}},
    }
    for path in HEALTH:
        router.add_api_route(path, health, methods=["GET"], responses=shown[path], operation_id=path[1:], summary=path[1:])
    return router


async def _http_problem(request: Request, error: Exception) -> Response:
    """What no route answered: 404, 405."""
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
    return problem_answer(Problem(error.status_code, code, detail, headers=error.headers))
