"""Who may send: the key of a request, from its headers or, for Segment's SDKs, from the body."""

import base64
import binascii

from starlette.requests import Request

from services.ingest.errors import Problem
from shared.key_ring import KeyRing, KeysUnavailable
from shared.keys import ApiKey

_LONGEST = 1_000


def presented_key(request: Request) -> str | None:
    """The key in `Authorization`: `Bearer KEY`, or `Basic` with the key as the name (or, without a name, as the password)."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    if not value or len(value) > _LONGEST:
        return None
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name or password or None


async def require_writer(keys: KeyRing, presented: str | None) -> ApiKey:
    """The key, if it may send events.

    Raises Problem: 401 alike for no key, one that was never ours and one that was revoked; 403 for a key of another kind; 503
    when keys cannot be asked for now and this one was not seen before.
    """
    try:
        key = None if presented is None else await keys.holder(presented)
    except KeysUnavailable:
        detail = "keys cannot be checked at the moment: try again"
        raise Problem(503, "keys_unavailable", detail, headers={"Retry-After": "2"}) from None
    if key is None:
        headers = {"WWW-Authenticate": 'Bearer, Basic realm="successplays"'}
        raise Problem(401, "unauthorized", "a valid write key is needed: Authorization: Bearer KEY", headers=headers)
    if not key.may("write"):
        raise Problem(403, "forbidden", f"this key may {', '.join(key.scopes)}; to send events takes a write key")
    return key
