"""What a connector is: one module of this folder, whose name is its `kind` in YAML.

    Settings    a pydantic model of the destination's entry in successplays.yaml; secrets are references
    ACCEPTS     which kinds of steps it can carry out
    send        carries one out, and says what it came to

A connector raises nothing of its own: `Unreachable` and `AddressRefused` (shared.outbound.http), `SecretMissing` and
`TemplateFailed` are judged by the caller, the same for all.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.actions.rendering import Rendered
from services.actions.tokens import Tokens
from shared.instants import Instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Outcome
from shared.records import RunOpened


class DestinationSettings(BaseModel):
    """What every destination may say."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: str
    # How many deliveries may be on their way to it at once.
    concurrency: int = Field(default=8, ge=1, le=100)

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """What is wrong although each field by itself is right, as (place, message)."""
        return []


class HttpSettings(DestinationSettings):
    """What every destination that is reached by HTTP may say."""

    # allowed: it may be on this machine or in the private network, and need not be https.
    private_network: Literal["allowed", "refused"] = "refused"

    @property
    def private(self) -> bool:
        """Whether addresses that are not public may be dialled."""
        return self.private_network == "allowed"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One try of one delivery. `delivery_id` stays the same for every try and goes out as the tool's idempotency key or
    marker.
    """

    delivery_id: str
    step: str
    kind: str
    attempt: int
    # When the step's turn came; the same for every try.
    reached_at: Instant
    # When this try is made.
    now: Instant
    content: Rendered
    run: RunOpened
    # Reads a secret by its reference, and remembers it, so that it can be masked in whatever comes back.
    secret: Callable[[str], str]
    # Tokens that the tool has granted; for tools that grant some.
    tokens: Tokens
    # What the destination is called in the workspace, and the assignee's id in it, from people.yaml.
    destination: str = ""
    assignee_id: str | None = None
    # An earlier try may have reached the tool, although we heard nothing of it.
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Connector:
    """One kind of destination."""

    kind: str
    settings: type[DestinationSettings]
    accepts: frozenset[str]
    send: Callable[[Outgoing, Any, Http], Awaitable[Outcome]]


@cache
def connectors() -> dict[str, Connector]:
    """Every kind of destination, found by looking into this folder."""
    folder = importlib.import_module(__package__)
    found = {}
    for entry in pkgutil.iter_modules(folder.__path__):
        if entry.name != "contract":
            module = importlib.import_module(f"{__package__}.{entry.name}")
            found[entry.name] = Connector(entry.name, module.Settings, module.ACCEPTS, module.send)
    return found


def secret_references(settings: DestinationSettings) -> list[str]:
    """The references to secrets in a destination's settings."""
    shape = settings.model_dump()
    texts = [text for value in shape.values() for text in (value if isinstance(value, list) else [value])]
    return [text for text in texts if isinstance(text, str) and text.startswith(("env:", "file:"))]
