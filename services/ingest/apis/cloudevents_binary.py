"""A CloudEvent in binary mode: its attributes are headers, `ce-id: e-1`, and the body is its data as it is.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md (3.1). Data of a JSON media type is
JSON; of `text/...` and XML, text; any other is bytes, kept as base64. Without a Content-Type it is the first of these that fits.
"""

import base64
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from services.ingest.apis.cloudevents import is_json, require_size, take
from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_value
from services.ingest.reading.json_scan import escaped
from services.ingest.sender import Sender, Taken
from shared.records import JsonObject

PREFIX = b"ce-"

# As an HTTP server gives them: the names in small letters.
Headers = Sequence[tuple[bytes, bytes]]

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_TEXT_MEDIA = re.compile(r"text/.+|application/([^;]+\+)?xml", re.IGNORECASE)
_NOT_HEADERS = ("data", "data_base64", "datacontenttype")


def is_binary(headers: Headers) -> bool:
    """Whether a request says that it is an event in its headers."""
    return any(name.startswith(PREFIX) for name, _ in headers)


def read_binary(raw: bytes, sender: Sender, headers: Headers) -> Taken:
    """An event from a request's headers and body. Raises Refused."""
    attributes = _attributes(headers)
    try:
        require_size(len(raw) + sum(len(name) + len(value) for name, value in attributes.items()))
        data = _data(raw, attributes.get("datacontenttype", ""))
    except Refused as refused:
        refused.id = attributes.get("id")
        raise
    return take({**attributes, **data}, sender)


def _attributes(headers: Headers) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for header, value in headers:
        if header == b"content-type":
            attributes["datacontenttype"] = value.decode("latin-1")
        if not header.startswith(PREFIX):
            continue
        name = header[len(PREFIX) :].decode("latin-1")
        pointer = f"/{escaped(name)}"
        if name in _NOT_HEADERS:
            raise Refused("unknown_field", pointer, "the data is the body, and its media type the Content-Type")
        if name in attributes:
            raise Refused("duplicate_key", pointer, f"the header ce-{name} is there twice")
        attributes[name] = _decoded(value, pointer)
    return attributes


def _decoded(value: bytes, pointer: str) -> str:
    """The text of a header: percent-decoded once, after quotes (of older versions of the specification) are taken away."""
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = _ESCAPE.sub(rb"\1", quoted[1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise Refused("not_utf8", pointer, "percent-decoded, this is not UTF-8") from None


def _data(raw: bytes, media_type: str) -> JsonObject:
    if not raw:
        return {}
    if is_json(media_type):
        return {"data": _json(raw)}
    if not media_type:
        try:
            return {"data": _json(raw)}
        except Refused as refused:
            if refused.code not in ("malformed", "not_utf8"):
                raise
    if not media_type or _TEXT_MEDIA.fullmatch(media_type.partition(";")[0].strip()):
        text = _text(raw)
        if text is not None:
            return {"data": text}
    return {"data_base64": base64.b64encode(raw).decode()}


def _json(raw: bytes) -> Any:
    try:
        return read_value(raw)
    except Refused as refused:
        refused.pointer = f"/data{refused.pointer}"
        raise


def _text(raw: bytes) -> str | None:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
