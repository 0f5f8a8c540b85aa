"""Who asks, and whether they may: a bearer key whose scopes hold `read`, `apply`, `run` or `admin`.

Every kind of wrong key gets the same 401. A good key that may not do this gets a 403 that says which scope is missing.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.console.parts import Given
from services.console.refusals import Refused
from shared.key_ring import KeysUnavailable

_bearer = HTTPBearer(auto_error=False, description="A key made with `successplays keys create --scope read|apply|run|admin`.")
Presented = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Caller(NamedTuple):
    """Who asks: the id of the key, as it stands in `applied_by` and in log lines; never the key itself."""

    name: str


def _with_scope(scope: str) -> Callable[[Presented, Given], Awaitable[Caller]]:
    async def caller(presented: Presented, parts: Given) -> Caller:
        try:
            key = None if presented is None else await parts.keys.holder(presented.credentials)
        except KeysUnavailable:
            raise Refused(503, "database_unavailable", "keys cannot be looked up now; try again") from None
        if key is None:
            raise Refused(401, "unauthorized", "a valid key is needed: Authorization: Bearer sp_...")
        if not key.may(scope):
            raise Refused(403, "forbidden", f"this key may not do that: it needs the scope {scope}")
        return Caller(key.key_id)

    return caller


Reader = Annotated[Caller, Depends(_with_scope("read"))]
Applier = Annotated[Caller, Depends(_with_scope("apply"))]
Starter = Annotated[Caller, Depends(_with_scope("run"))]
Admin = Annotated[Caller, Depends(_with_scope("admin"))]
