"""What a source is: one module of this folder, whose name is its `kind` in YAML and in `POST /v1/sources/{source}`.

    Settings    a pydantic model of the source's entry in successplays.yaml; secrets are references
    MAPPED      what of the vendor's becomes which event of ours: what `read` goes by, and what docs/sources.md shows
    EXAMPLES    bodies as the vendor sends them, written anew: what the tests and the fuzzer begin with
    read        reads a body that was verified: events, or notifications of what has to be fetched first

and, where the vendor has it:

    verified    whether one of the secrets signed the request; a module without it is proven by a token in the URL
    greet       answers what is no event at all (a challenge); called before anything is verified, so it verifies itself
    fetch       from a notification that names a thing only to the events it stands for, by the vendor's API; Settings then have
                an `api` (services/ingest/fetching/contract.py), and without it `read` gives events with what is known
    answer      what the vendor wants to hear when everything is stored; else `{"accepted": 1}`

Nothing here raises but `Refused`, the body is not what the vendor sends, and `fetch` `Unfetched`.
"""

import base64
import binascii
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.ingest.fetching.contract import Api
from shared.instants import Instant
from shared.records import JsonObject
from shared.secrets import SecretReference


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


# One, or several while one is being replaced.
Secrets = Annotated[tuple[SecretReference, ...], BeforeValidator(_listed), Field(max_length=10)]


class SourceSettings(BaseModel):
    """What every source may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The module, where the source has another name: two help desks of one vendor.
    kind: str | None = None
    # What the vendor signs with.
    secret: Secrets = ()
    # What the URL ends with, `/v1/sources/{source}/{token}`, or the password of Basic authentication.
    token: Secrets = ()
    # Where the vendor's body has our account's id, `form_response.hidden.account_id`; else aliases lead to the account.
    account: str | None = None
    # Where it has our user's id, `form_response.hidden.user_id`.
    user: str | None = None

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """What is wrong although each field by itself is right, as (place, message)."""
        return []


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came: `headers` by lower-case name, `path` with its query as it was sent, `body` raw (but unpacked)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: Instant

    @property
    def password(self) -> str | None:
        """Of Basic authentication; None without it."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            return base64.b64decode(value, validate=True).decode("latin-1").partition(":")[2]
        except (binascii.Error, ValueError):
            return None


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a source read it. `vendor` is the vendor's own object: it is kept whole, under the kind's name."""

    # The vendor's own, the same when it is sent again.
    id: str
    name: str
    vendor: JsonObject
    # Whom it is about: aliases such as `zendesk:org:99`, `email:ana@acme.example`, the surest first.
    about: tuple[str, ...] = ()
    # Only where the vendor itself carries our account's id.
    account_id: str | None = None
    user_id: str | None = None
    occurred_at: Instant | None = None
    # In our words: see services/ingest/words/vocabulary.py.
    properties: JsonObject = {}
    traits: JsonObject | None = None
    user_traits: JsonObject | None = None
    # Who is who, as (alias, the same as this one): (`zendesk:user:7`, `email:ana@acme.example`).
    same: tuple[tuple[str, str], ...] = ()


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """That something happened to a thing which has to be fetched. It goes to the log as it is, and then to `fetch`."""

    id: str
    # The thing: what is told of one thing is fetched in order.
    thing: str
    vendor: JsonObject
    occurred_at: Instant | None = None


class Answer(NamedTuple):
    """An answer in the vendor's own form."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


class Mapped(NamedTuple):
    """One row of what maps to what. `properties` and `traits`: our word, and the path to it in the vendor's object."""

    event: str
    vendor: str
    properties: Mapping[str, str] = {}
    traits: Mapping[str, str] = {}


Told = Reported | Notified
Verified = Callable[[Incoming, Any, Sequence[bytes]], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of source."""

    kind: str
    settings: type[SourceSettings]
    mapped: Sequence[Mapped]
    examples: Sequence[bytes]
    read: Callable[[Incoming, Any], Sequence[Told]]
    verified: Verified | None
    greet: Callable[[Incoming, Any, Sequence[bytes]], Answer | None] | None
    fetch: Callable[[Notified, Any, Api], Awaitable[Sequence[Reported]]] | None
    answer: Callable[[Incoming, int], Answer] | None
    # How to connect it, for docs/sources.md.
    described: str


@cache
def sources() -> dict[str, Source]:
    """Every kind of source, found by looking into this folder."""
    folder = importlib.import_module(__package__)
    found = {}
    for entry in pkgutil.iter_modules(folder.__path__):
        if entry.name != "contract":
            found[entry.name] = _source(entry.name)
    return found


def _source(kind: str) -> Source:
    module = importlib.import_module(f"{__package__}.{kind}")
    # What a module only imports under one of these names is none of its own: `answer` is a word of surveys too.
    own = {name: found for name, found in vars(module).items() if getattr(found, "__module__", None) == module.__name__}
    optional = {name: own.get(name) for name in ("verified", "greet", "fetch", "answer")}
    return Source(
        kind=kind,
        settings=module.Settings,
        mapped=module.MAPPED,
        examples=module.EXAMPLES,
        read=module.read,
        described=module.__doc__ or "",
        **optional,
    )


def secret_references(settings: SourceSettings) -> list[str]:
    """The references to secrets in a source's settings, wherever they stand."""
    return [text for text in _texts(settings.model_dump(mode="json")) if text.startswith(("env:", "file:"))]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for entry in value.values() for text in _texts(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry)]
    return [value] if isinstance(value, str) else []
