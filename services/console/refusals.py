"""Errors as people and programs see them: `application/problem+json` (RFC 9457), with a `code` that stays the same.

Refused                    the request cannot be done; says why
RequestValidationError     the request is not what OpenAPI says; `errors` point at each place
SQLAlchemyError, OSError   the database is away: 503, try again
LogUnavailable             the log is away: 503, try again
"""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.db.away import DATABASE_AWAY
from shared.log.contract import LogUnavailable

RETRY_AFTER_SECONDS = 2

_logger = structlog.get_logger()


class Refused(Exception):
    """A request that cannot be done, and why. `more` is added to the answer."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more


class ProblemDetails(BaseModel):
    """RFC 9457. `code` names the kind of problem for programs; `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "description": HTTPStatus(status).phrase} for status in (400, 401, 403, 503)
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ProblemDetails, "description": "No such thing"}}
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": ProblemDetails, "description": "Not in its present state"}}


def missing(kind: str, name: str, near: str | None = None) -> Refused:
    """The refusal of a thing that is not there; `near` is the name of one that is."""
    hint = "" if near is None else f"; did you mean {near}?"
    return Refused(404, "not_found", f"there is no {kind} {name}{hint}")


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """One problem as an answer; a 401 names the scheme and a 503 says when to try again."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return problem(error.status, error.code, error.detail, **error.more)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"pointer": "/" + "/".join(map(str, found["loc"])), "detail": found["msg"]} for found in error.errors()]
    first = errors[0] if errors else {"pointer": "", "detail": "not valid"}
    return problem(400, "invalid_request", f"{first['pointer']}: {first['detail']}", errors=errors)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, phrase.lower().replace(" ", "_"), str(error.detail))


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    place = "log" if isinstance(error, LogUnavailable) else "database"
    _logger.warning("unavailable", place=place, path=request.url.path, error=type(error).__name__)
    return problem(503, f"{place}_unavailable", f"the {place} does not answer; nothing was lost, try again")


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in (*DATABASE_AWAY, LogUnavailable):
        app.add_exception_handler(kind, _unavailable)
