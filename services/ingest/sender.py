"""Who sends, and what an item becomes: what every reader of items needs and gives."""

from collections.abc import Callable

import msgspec

from services.ingest.errors import Refused
from services.ingest.reading.json_scan import escaped
from shared.instants import Instant, parse_instant
from shared.keys import ApiKey
from shared.log.contract import Entry
from shared.records import Event, JsonObject, Mapping, encode


class Sender(msgspec.Struct, frozen=True):
    """The key that a request came with, and when. In a replayed log the items say when they were received."""

    key: ApiKey
    received_at: Instant
    replay: bool
    new_id: Callable[[], str]


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What an item becomes in the log, and its id; `is_new` says that it was sent without one."""

    entries: list[Entry]
    id: str
    is_new: bool = False


def event_entry(event: Event, at: Instant | None) -> Entry:
    """An event under its account, or under whom it is about."""
    return Entry(event.account_id or event.about or "", encode(event), at=at)


def mapping_entry(mapping: Mapping, at: Instant | None) -> Entry:
    """A mapping, under its alias: the worker that owns the alias keeps it."""
    return Entry(mapping.alias, encode(mapping), at=at)


def require_allowed(sender: Sender, name: str, pointer: str, *, traits: bool) -> None:
    """Raises Refused: the key may not send events of this name, or tell traits at all."""
    if not sender.key.may_send(name):
        raise Refused("not_allowed", pointer, f"this key may not send {name!r}")
    if traits and not sender.key.may_tell_identity:
        raise Refused("not_allowed", "", "this key may not tell traits, or who belongs to which account")


def require_traits(sender: Sender, traits: JsonObject | None, pointer: str) -> None:
    """Raises Refused: the key may not tell one of these traits. `pointer` is where they stand."""
    for trait in traits or ():
        if not sender.key.may_tell(trait):
            raise Refused("not_allowed", f"{pointer}/{escaped(trait)}", f"this key may not tell the trait {trait!r}")


def read_instant(text: str, pointer: str) -> Instant:
    """Raises Refused: not ISO 8601, or before 1970 (which is as far back as Kafka's clock goes)."""
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        raise Refused("bad_value", pointer, f"{text[:40]!r} is not an ISO 8601 date and time: 2026-03-01T09:00:00Z") from None
    if instant < 0:
        raise Refused("bad_value", pointer, f"{text[:40]!r} is before 1970")
    return instant


def log_time(sender: Sender, received_at: Instant | None, occurred_at: Instant | None, pointer: str) -> Instant | None:
    """The append time that an item asks for: in a replayed log its own, in a live one none.

    Raises Refused: a replayed log cannot tell when it was.
    """
    if not sender.replay:
        return None
    at = occurred_at if received_at is None else received_at
    if at is None:
        raise Refused("missing_field", pointer, "this log is replayed: an event must say when it was")
    return at
