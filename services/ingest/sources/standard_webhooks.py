"""Anybody who signs as Standard Webhooks says: a path to each of our fields is all that has to be told.

Give the sender `https://YOUR-HOST/v1/sources/shop`, where `shop` is the entry's name, and take the secret that it gives you (or
give it one of yours, `whsec_` and base64; while one is replaced, name both):

    sources:
      shop:
        kind: standard_webhooks
        secret: ["env:SHOP_SECRET", "env:SHOP_SECRET_OLD"]
        account: data.company.id
        map:
          name: type
          occurred_at: timestamp
          user_id: data.user.id
          properties: {order_id: data.id, total: data.total}
          traits: {plan: data.company.plan}
          user_traits: {email: data.user.email}
        events: {order.completed: deal.won}

Without `map` the name is `type`, the instant `timestamp` (ISO 8601, or seconds since 1970), and everything in `data` a property.
`events` gives the sender's names ours; all others keep theirs, in our spelling. Where a body has none of your ids, `about` has
the aliases to try, `about: {email: data.user.email, shop:customer: data.customer.id}`, in their order:

    sources:
      shop:
        kind: standard_webhooks
        secret: "env:SHOP_SECRET"
        map: {about: {email: data.user.email, "shop:customer": data.customer.id}}

Verified is one of the `v1` signatures in `webhook-signature`, with `webhook-timestamp` at most 5 minutes off; `v1a` (a public
key's) is not looked at. The event's id is `webhook-id`; without a signature, by token only, it is the body's `id`, else the
body's digest. The secret is `whsec_` and base64, or any other text, whose bytes are the key.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import any_signed_base64, within_tolerance
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, picked, text_at
from services.ingest.words.values import domain_of, email_of, id_of, moment_of
from shared.instants import SECOND
from shared.records import JsonObject

MAPPED = (
    Mapped("its value", "a name that is in `events`"),
    Mapped("the value at `map.name`", "any other"),
)
EXAMPLES = (
    b"""{"type": "order.placed", "timestamp": "2026-03-01T11:59:58Z", "data": {"id": 7, "total": 12.5, "company": {"id":
    "acme"}}}""",
)
_VERSION = "v1,"
_ALIAS = re.compile(r"[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)?")


class Paths(BaseModel):
    """Where in the body our fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "type"
    occurred_at: str = "timestamp"
    user_id: str | None = None
    # An alias of whom it is about, where the body has none of our ids: `shop:customer` and the path to its value.
    about: Mapping[str, str] = {}
    properties: Mapping[str, str] | None = None
    traits: Mapping[str, str] = {}
    user_traits: Mapping[str, str] = {}


class Settings(SourceSettings):
    """Paths from the body to our fields."""

    map: Paths = Paths()
    # The sender's names, and ours.
    events: Mapping[str, str] = {}

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Names that are not in our form, and aliases that nobody could have."""
        found = [
            (("events", sent), f"{name!r} should be {normalise(name) or 'object.past_verb'!r}")
            for sent, name in self.events.items()
            if normalise(name) != name or not name
        ]
        return found + [
            (("map", "about", kind), "an alias begins like zendesk:org, in lower case")
            for kind in self.map.about
            if not _ALIAS.fullmatch(kind)
        ]


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """One of the space-separated `v1,` signatures over `id.timestamp.body` is ours, and the timestamp is of now."""
    identity, moment = incoming.headers.get("webhook-id", ""), incoming.headers.get("webhook-timestamp", "")
    content = f"{identity}.{moment}.".encode("latin-1", "replace") + incoming.body
    keys = [key_of(secret) for secret in secrets]
    given = incoming.headers.get("webhook-signature", "").split(" ")
    signed = any_signed_base64([each.removeprefix(_VERSION) for each in given if each.startswith(_VERSION)], content, keys)
    return signed and bool(identity) and within_tolerance(moment, SECOND, incoming.received_at)


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
    sent_name = text_at(body, settings.map.name) or ""
    name = settings.events.get(sent_name) or normalise(sent_name)
    if not name:
        raise Refused("missing_field", "/" + settings.map.name.replace(".", "/"), "here the map expects the event's name")
    return [
        Reported(
            id=id_of(incoming.headers.get("webhook-id") or body.get("id"), body),
            name=name,
            vendor=body,
            about=_about(body, settings),
            user_id=None if settings.map.user_id is None else text_at(body, settings.map.user_id),
            occurred_at=moment_of(dig(body, settings.map.occurred_at)),
            properties=_properties(body, settings),
            traits=picked(body, settings.map.traits) or None,
            user_traits=picked(body, settings.map.user_traits) or None,
        )
    ]


def _about(body: JsonObject, settings: Settings) -> tuple[str, ...]:
    found = {kind: text_at(body, path) for kind, path in settings.map.about.items()}
    read = {
        kind: email_of(value) if kind == "email" else domain_of(value) if kind == "domain" else value
        for kind, value in found.items()
    }
    return tuple(f"{kind}:{value}" for kind, value in read.items() if value)


def _properties(body: JsonObject, settings: Settings) -> JsonObject:
    if settings.map.properties is not None:
        return picked(body, settings.map.properties)
    data = body.get("data")
    return data if isinstance(data, dict) else {}
