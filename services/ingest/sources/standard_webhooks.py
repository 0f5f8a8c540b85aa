"""Anybody who signs as Standard Webhooks says: a path to each of our fields is all that has to be told.

    sources:
      shop:
        kind: standard_webhooks
        secret: "env:SHOP_SECRET"
        account: data.company.id
        map: {name: type, occurred_at: timestamp, user_id: data.user.id, properties: {order_id: data.id, total: data.total}}

Without `map` the name is `type`, the instant `timestamp`, and everything in `data` a property. The event's id is `webhook-id`.
The secret is `whsec_` and base64, or any other text, whose bytes are the key; the clock may be 5 minutes off.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from services.ingest.errors import Refused
from services.ingest.json_read import read_object
from services.ingest.mapping import dig, picked, text_at
from services.ingest.names import normalise
from services.ingest.signatures import signed_base64, within_tolerance
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from shared.instants import SECOND, Instant, parse_instant
from shared.records import JsonObject

MAPPED = (Mapped("the value of `map.name`", "any", {}),)
EXAMPLES = (
    b'{"type": "order.placed", "timestamp": "2026-03-01T11:59:58Z", "data": {"id": 7, "total": 12.5, "company": {"id": "acme"}}}',
)
_VERSION = "v1,"


class Paths(BaseModel):
    """Where in the body our fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "type"
    occurred_at: str = "timestamp"
    user_id: str | None = None
    # An alias of whom it is about, where the body has none of our ids: `shop:customer` and the path to its value.
    about: Mapping[str, str] = {}
    properties: Mapping[str, str] | None = None


class Settings(SourceSettings):
    """Paths from the body to our fields."""

    map: Paths = Paths()


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """One of the space-separated `v1,` signatures over `id.timestamp.body` is ours, and the timestamp is of now."""
    identity, moment = incoming.headers.get("webhook-id", ""), incoming.headers.get("webhook-timestamp", "")
    content = f"{identity}.{moment}.".encode("latin-1", "replace") + incoming.body
    keys = [key_of(secret) for secret in secrets]
    given = incoming.headers.get("webhook-signature", "").split(" ")[:20]
    signed = [signed_base64(each.removeprefix(_VERSION), content, keys) for each in given if each.startswith(_VERSION)]
    return any(signed) and bool(identity) and within_tolerance(moment, SECOND, incoming.received_at)


def key_of(secret: bytes) -> bytes:
    """The key that a secret stands for."""
    if secret.startswith(b"whsec_"):
        try:
            # Secrets are handed out with and without the padding.
            bare = secret.removeprefix(b"whsec_").rstrip(b"=")
            return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        except binascii.Error:
            return secret
    return secret


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object, or no name where the map says."""
    body = read_object(incoming.body)
    sent_name = text_at(body, settings.map.name)
    name = normalise(sent_name) if sent_name else ""
    if not name:
        raise Refused("missing_field", "/" + settings.map.name.replace(".", "/"), "here the map expects the event's name")
    return [
        Reported(
            id=incoming.headers.get("webhook-id") or str(dig(body, "id")),
            name=name,
            vendor=body,
            about=_about(body, settings),
            user_id=None if settings.map.user_id is None else text_at(body, settings.map.user_id),
            occurred_at=_moment(dig(body, settings.map.occurred_at)),
            properties=_properties(body, settings),
        )
    ]


def _about(body: JsonObject, settings: Settings) -> tuple[str, ...]:
    return tuple(f"{kind}:{value}" for kind, path in settings.map.about.items() if (value := text_at(body, path)))


def _properties(body: JsonObject, settings: Settings) -> JsonObject:
    if settings.map.properties is not None:
        return picked(body, settings.map.properties)
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def _moment(found: object) -> Instant | None:
    """The sender's instant, if it is one; else it is when the event is received."""
    try:
        instant = parse_instant(found) if isinstance(found, str) else None
    except (ValueError, OverflowError):
        return None
    return instant if instant is None or instant >= 0 else None
