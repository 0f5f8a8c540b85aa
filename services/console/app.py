"""The console's API: `/api/v1`, described at `/api/v1/openapi.json`. Fields and paths are added within v1, never taken away."""

from fastapi import APIRouter, FastAPI

from services.console.body_limit import BodyLimit
from services.console.parts import Parts
from services.console.refusals import ERRORS, answer_with_problems
from services.console.routes import (
    accounts,
    aliases,
    dead_letters,
    deliveries,
    destinations,
    event_names,
    explain,
    keys,
    mutes,
    plays,
    runs,
    starts,
    tasks,
    unassigned,
)

PREFIX = "/api/v1"


def create_app(parts: Parts) -> FastAPI:
    """The app. It starts nothing: whoever serves it also runs `parts.publisher`."""
    app = FastAPI(
        title="successplays",
        version="1",
        summary="Plays, runs, tasks and deliveries of one deployment.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=f"{PREFIX}/docs",
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.parts = parts
    api = APIRouter(prefix=PREFIX, responses=ERRORS)
    for routes in (
        *(plays, starts, explain, runs, tasks, accounts, aliases, unassigned, event_names, mutes),
        *(deliveries, dead_letters, destinations, keys),
    ):
        api.include_router(routes.router)
    app.include_router(api)
    answer_with_problems(app)
    app.add_middleware(BodyLimit)
    return app
