"""What a source reads in a body, without a server around it."""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from services.ingest.sources.contract import Incoming, Reported
from tests.ingest.conftest import NOW


def incoming(body: Any, headers: Mapping[str, str] | None = None) -> Incoming:
    """A request with this body, raw or to be written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming("POST", "/v1/sources/x", {}, headers or {}, raw, NOW)


def all_told(source: ModuleType, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> list[Reported]:
    """Every event that the source reads in the body."""
    found = source.read(incoming(body, headers), source.Settings(**settings))
    return [each for each in found if isinstance(each, Reported)]


def told(source: ModuleType, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> Reported:
    """The one event that the source reads in the body."""
    (only,) = all_told(source, body, headers, **settings)
    return only


def altered(example: bytes, path: str, value: Any) -> Any:
    """The example with another value at a path of keys and numbers."""
    body = json.loads(example)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner = body
    for step in way:
        inner = inner[step]
    inner[last] = value
    return body
