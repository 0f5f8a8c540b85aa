"""A CloudEvent (1.0, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) becomes an event in the log.

    {"specversion": "1.0", "id": "e-1", "source": "/reports", "type": "report.exported", "time": "2026-03-01T09:00:00Z",
     "accountid": "acme", "userid": "u7", "data": {"pages": 12}}

`type` is the name, `source` the source, `data` the properties. The account is the extension `accountid`, else `data.account_id`,
else `subject`; the user is the extension `userid`, else `data.user_id`. Data that is no object is kept as the property `data`,
binary data as `data_base64`. What other attributes say (`dataschema`, extensions, a `subject` that is not the account) is kept
together as the property `cloudevent`.
"""

import base64
import binascii
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

from services.ingest.apis.items import id_of
from services.ingest.errors import Refused
from services.ingest.http.body import LONGEST_ID, MOST_PROPERTIES
from services.ingest.reading.json_read import kind_of, read_object
from services.ingest.reading.json_scan import escaped
from services.ingest.reading.names import LONGEST, normalise
from services.ingest.sender import Sender, Taken, event_entry, log_time, read_instant, require_allowed
from shared.instants import Instant
from shared.records import Event, JsonObject, as_json

# The specification asks of everybody to take events of this size.
LARGEST_CLOUD_EVENT = 64 * 1024

_VERSION = "1.0"
_REQUIRED = ("specversion", "id", "source", "type")
_DATA = ("data", "data_base64")
_SAID_ELSEWHERE = {*_REQUIRED, "time", "accountid", "userid"}
_JSON_MEDIA = re.compile(r"(application|text)/([\w.!#$&^+-]+\+)?json", re.IGNORECASE)

_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_IN_URI = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%[0-9A-Fa-f]{2})"
_IN_FIRST_SEGMENT = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*:"
_URI = re.compile(rf"{_SCHEME}{_IN_URI}*(#{_IN_URI}*)?")
_URI_REFERENCE = re.compile(rf"({_SCHEME}{_IN_URI}*|{_IN_FIRST_SEGMENT}*([/?]{_IN_URI}*)?)(#{_IN_URI}*)?")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_INT32 = 2**31


def is_json(media_type: str) -> bool:
    """Whether data of this media type is JSON."""
    return _JSON_MEDIA.fullmatch(media_type.partition(";")[0].strip()) is not None


def read_structured(raw: bytes, sender: Sender) -> Taken:
    """An event with all that is in it, in JSON. Raises Refused."""
    require_size(len(raw))
    return take(read_object(raw, MOST_PROPERTIES), sender)


def require_size(size: int) -> None:
    """Raises Refused: the event is too large."""
    if size > LARGEST_CLOUD_EVENT:
        raise Refused("too_large", "", f"this event has {size:,} bytes; it may have {LARGEST_CLOUD_EVENT:,}")


def take(event: JsonObject, sender: Sender) -> Taken:
    """An event's attributes and data, as JSON has them. Raises Refused."""
    try:
        return _taken(event, sender)
    except Refused as refused:
        refused.id = id_of(event.get("id"))
        raise


def _taken(given: JsonObject, sender: Sender) -> Taken:
    attributes = _attributes(given)
    name = normalise(attributes["type"])
    if not name:
        raise Refused("bad_value", "/type", f"{attributes['type']!r} has neither a letter nor a digit")
    require_allowed(sender, name, "/type", traits=False)
    data = _data(given)
    inside = data if isinstance(data, dict) else {}
    account_id, account_from = _account(attributes, inside)
    user_id = _named(attributes.get("userid"), "/userid") or _named(inside.get("user_id"), "/data/user_id")
    if account_id is None and user_id is None:
        detail = "say whom it is about: the extension accountid (or data.account_id, or subject), or userid (or data.user_id)"
        raise Refused("missing_field", "/accountid", detail)
    occurred_at = _time(attributes.get("time"))
    event = Event(
        id=attributes["id"],
        name=name,
        source=attributes["source"],
        account_id=account_id,
        user_id=user_id,
        about=None if account_id is not None else f"user:{user_id}",
        occurred_at=occurred_at,
        properties_json=as_json(_properties(given, data, _besides(attributes, account_from))),
        sent_name=None if name == attributes["type"] else attributes["type"],
    )
    return Taken([event_entry(event, log_time(sender, None, occurred_at, "/time"))], event.id)


def _attributes(given: JsonObject) -> dict[str, Any]:
    """The attributes that are set (null is not), each of the type that it must have."""
    attributes = {name: value for name, value in given.items() if value is not None and name not in _DATA}
    for name, value in attributes.items():
        pointer = f"/{escaped(name)}"
        if _ATTRIBUTE_NAME.fullmatch(name) is None:
            near = get_close_matches(re.sub(r"[^a-z0-9]", "", name.lower()), [*_RULES, "accountid", "userid"], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Refused("unknown_field", pointer, f"{name[:60]!r}: attributes are named in small letters and digits{hint}")
        _RULES.get(name, _extension)(pointer, value)
    for name in _REQUIRED:
        if name not in attributes:
            raise Refused("missing_field", f"/{name}", f"a CloudEvent has {', '.join(_REQUIRED)}")
    return attributes


def _text(pointer: str, value: Any, longest: int | None = None, least: int = 1) -> str:
    if not isinstance(value, str):
        raise Refused("wrong_type", pointer, f"this is {kind_of(value)}; text is needed")
    if len(value) < least or (longest is not None and len(value) > longest):
        raise Refused("bad_value", pointer, "this must not be empty" if not value else f"at most {longest} characters")
    if _CONTROL.search(value):
        raise Refused("bad_text", pointer, "an attribute has no control characters")
    return value


def _version(pointer: str, value: Any) -> None:
    if _text(pointer, value) != _VERSION:
        raise Refused("bad_value", pointer, f"this is version {value[:20]!r} of CloudEvents; {_VERSION!r} is taken")


def _uri_reference(pointer: str, value: Any) -> None:
    if not _URI_REFERENCE.fullmatch(_text(pointer, value, LONGEST_ID)):
        raise Refused(
            "bad_value", pointer, f"{value[:60]!r} is not a URI reference (RFC 3986), such as /reports or urn:acme:reports"
        )


def _uri(pointer: str, value: Any) -> None:
    if not _URI.fullmatch(_text(pointer, value)):
        raise Refused("bad_value", pointer, f"{value[:60]!r} is not a URI (RFC 3986) with a scheme")


def _timestamp(pointer: str, value: Any) -> None:
    if not _RFC3339.fullmatch(_text(pointer, value)):
        raise Refused("bad_value", pointer, f"{value[:40]!r} is not a time as RFC 3339 has it: 2026-03-01T09:00:00Z")


def _extension(pointer: str, value: Any) -> None:
    if isinstance(value, str):
        _text(pointer, value, least=0)
    elif not isinstance(value, int):
        raise Refused("wrong_type", pointer, f"this is {kind_of(value)}; an attribute is text, a whole number, true or false")
    elif not -_INT32 <= value < _INT32:
        raise Refused("bad_value", pointer, "a number among the attributes has at most 32 bits: send it as text")


_RULES: dict[str, Callable[[str, Any], object]] = {
    "specversion": _version,
    "id": partial(_text, longest=LONGEST_ID),
    "source": _uri_reference,
    "type": partial(_text, longest=LONGEST),
    "datacontenttype": _text,
    "dataschema": _uri,
    "subject": _text,
    "time": _timestamp,
}


def _data(given: JsonObject) -> Any:
    """What happened: a JSON value. Raises Refused: it is said twice, or as base64 that is none."""
    encoded = given.get("data_base64")
    if encoded is None:
        return given.get("data")
    if given.get("data") is not None:
        raise Refused("bad_value", "/data_base64", "an event has data or data_base64, not both")
    if not isinstance(encoded, str):
        raise Refused("wrong_type", "/data_base64", f"this is {kind_of(encoded)}; text is needed")
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("bad_value", "/data_base64", "this is not base64 (RFC 4648)") from None
    return None


def _account(attributes: dict[str, Any], data: JsonObject) -> tuple[str | None, str]:
    """The account, and which attribute or field says so."""
    said = {
        "/accountid": attributes.get("accountid"),
        "/data/account_id": data.get("account_id"),
        "/subject": attributes.get("subject"),
    }
    for pointer, value in said.items():
        account_id = _named(value, pointer)
        if account_id is not None:
            return account_id, pointer
    return None, ""


def _named(value: Any, pointer: str) -> str | None:
    """An id as text; of what is empty, none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Refused("wrong_type", pointer, f"this is {kind_of(value)}; an id is text or a whole number")
    if len(str(value)) > LONGEST_ID:
        raise Refused("bad_value", pointer, f"an id has at most {LONGEST_ID} characters")
    return str(value)


def _time(value: str | None) -> Instant | None:
    # RFC 3339 allows small letters, too.
    return None if value is None else read_instant(value.upper(), "/time")


def _besides(attributes: dict[str, Any], account_from: str) -> JsonObject:
    """The attributes that are kept for what they say, and not said elsewhere in the record."""
    known = _SAID_ELSEWHERE | ({"subject"} if account_from == "/subject" else set())
    media_type = attributes.get("datacontenttype", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        known = known | {"datacontenttype"}
    return {name: value for name, value in attributes.items() if name not in known}


def _properties(given: JsonObject, data: Any, besides: JsonObject) -> JsonObject:
    properties: JsonObject = {}
    if given.get("data_base64") is not None:
        properties["data_base64"] = given["data_base64"]
    elif isinstance(data, dict) and not (besides and "cloudevent" in data):
        properties |= data
    elif data is not None:
        properties["data"] = data
    return properties | ({"cloudevent": besides} if besides else {})
