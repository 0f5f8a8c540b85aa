"""Segment's messages become records: what its SDKs send to `/v1/track`, `/v1/identify`, ... and in `/v1/batch`.

    track     an event of that name (`Report Exported` is `report.exported`), with `properties`
    page      `page.viewed`       screen    `screen.viewed`: with the page's name among the properties
    identify  `user.updated`, with the user's traits; an e-mail among them becomes an alias of the user
    group     the user belongs to the account `groupId` from now on; `account.updated`, with the account's traits
    alias     `previousId` is the same user as `userId` from now on

The account is `context.groupId` (or `groupId`), else that of the user's group: then the record is logged under `user:ID`, or
`anonymous:ID` for who is not known yet. The message's id is `messageId`. Fields: https://segment.com/docs/connections/spec/common/
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from services.ingest.apis.items import Id, email_alias, id_of, wrong_field
from services.ingest.errors import Refused
from services.ingest.http.body import LARGEST_EVENT, LONGEST_ID, MOST_PROPERTIES
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import LONGEST, normalise
from services.ingest.sender import (
    Sender,
    Taken,
    event_entry,
    log_time,
    mapping_entry,
    read_instant,
    require_allowed,
    require_traits,
)
from shared.aliases import domain_of
from shared.instants import Instant
from shared.log.contract import Entry
from shared.records import Event, JsonObject, Mapping, as_json


class Context(msgspec.Struct, rename="camel"):
    """What of a message's `context` matters here."""

    group_id: Id | None = None
    traits: JsonObject | None = None


class Batch(msgspec.Struct, rename="camel"):
    """The body of `/v1/batch`: messages, and what holds for all of them."""

    batch: list[msgspec.Raw]
    context: Context | None = None
    sent_at: str | None = None
    write_key: str | None = None


class Message(msgspec.Struct, rename="camel", kw_only=True):
    """One call. Fields that are not here are nobody's mistake: SDKs send more than anybody reads."""

    type: str | None = None
    message_id: Id | None = None
    user_id: Id | None = None
    anonymous_id: Id | None = None
    group_id: Id | None = None
    previous_id: Id | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: JsonObject | None = None
    traits: JsonObject | None = None
    context: Context | None = None
    timestamp: str | None = None
    sent_at: str | None = None
    received_at: str | None = None
    write_key: str | None = None


class _When(msgspec.Struct, frozen=True):
    occurred_at: Instant | None
    # The append time, in a replayed log.
    at: Instant | None


def read_message(raw: bytes, sender: Sender, kind: str | None = None, batch: Batch | None = None) -> Taken:
    """One message: of the kind that its route says, or its own `type` in a batch. Raises Refused."""
    if len(raw) > LARGEST_EVENT:
        raise Refused("too_large", "", f"this message has {len(raw):,} bytes; it may have {LARGEST_EVENT:,}")
    value = read_object(raw, MOST_PROPERTIES)
    try:
        return _taken(_message_of(value), sender, kind, batch)
    except Refused as refused:
        refused.id = id_of(value.get("messageId"))
        raise


def _message_of(value: JsonObject) -> Message:
    # SDKs send "" for ids that they do not have.
    given = {field: each for field, each in value.items() if each != ""}
    try:
        return msgspec.convert(given, Message)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from error


def _taken(message: Message, sender: Sender, kind: str | None, batch: Batch | None) -> Taken:
    called = kind or message.type
    if called not in CALLS:
        raise Refused("bad_value", "/type", f"{called!r} is no type of message: use {', '.join(CALLS)}")
    if batch is not None and batch.context is not None:
        # What holds for the batch holds for a message that does not say otherwise.
        own = message.context or Context()
        message.context = Context(own.group_id or batch.context.group_id, own.traits or batch.context.traits)
    sent_at = message.sent_at or (batch.sent_at if batch else None)
    message_id = sender.new_id() if message.message_id is None else str(message.message_id)
    entries = CALLS[called](message, message_id, sender, _when(message, sent_at, sender))
    return Taken(entries, message_id, is_new=message.message_id is None)


def _when(message: Message, sent_at: str | None, sender: Sender) -> _When:
    """The sender's clock is corrected as Segment does: by how much `sentAt` differs from when the message was received."""
    occurred_at = None if message.timestamp is None else read_instant(message.timestamp, "/timestamp")
    received_at: Instant | None = sender.received_at
    if sender.replay:
        received_at = None if message.received_at is None else read_instant(message.received_at, "/receivedAt")
    if occurred_at is not None and sent_at is not None and received_at is not None:
        occurred_at += received_at - read_instant(sent_at, "/sentAt")
    return _When(occurred_at, log_time(sender, received_at, occurred_at, "/timestamp"))


def _track(message: Message, message_id: str, sender: Sender, when: _When) -> list[Entry]:
    if not message.event:
        raise Refused("missing_field", "/event", "a track message names its event")
    name = normalise(message.event)
    if not name or len(message.event) > LONGEST:
        raise Refused(
            "bad_value", "/event", f"{message.event[:60]!r} is no name: between 1 and {LONGEST} characters, with a letter"
        )
    sent_name = None if name == message.event else message.event
    return [
        _event(message, message_id, sender, when, name, properties_json=as_json(message.properties or {}), sent_name=sent_name)
    ]


def _page(message: Message, message_id: str, sender: Sender, when: _When) -> list[Entry]:
    return [_event(message, message_id, sender, when, "page.viewed", properties_json=as_json(_viewed(message)))]


def _screen(message: Message, message_id: str, sender: Sender, when: _When) -> list[Entry]:
    return [_event(message, message_id, sender, when, "screen.viewed", properties_json=as_json(_viewed(message)))]


def _viewed(message: Message) -> JsonObject:
    said = {"name": message.name, "category": message.category}
    return {**(message.properties or {}), **{field: value for field, value in said.items() if value is not None}}


def _identify(message: Message, message_id: str, sender: Sender, when: _When) -> list[Entry]:
    # RudderStack's SDKs have them in the context.
    traits = message.traits or (message.context or Context()).traits or {}
    event = _event(message, message_id, sender, when, "user.updated", user_traits=traits)
    if message.user_id is None:
        return [event]
    user = f"user:{message.user_id}"
    aliases = [f"anonymous:{message.anonymous_id}"] if message.anonymous_id is not None else []
    if isinstance(traits.get("email"), str):
        with suppress(Refused):  # a trait may be what it likes; it only is no alias then
            aliases.append(email_alias(traits["email"]))
    mappings = [Mapping(alias=alias, same_as=user) for alias in aliases]
    domain = domain_of(aliases[-1]) if aliases else None
    if domain is not None and _account(message) is None:
        # Until a group is known, the account is that of the address's domain.
        mappings.append(Mapping(alias=user, same_as=domain))
    return [*(mapping_entry(mapping, when.at) for mapping in mappings), event]


def _group(message: Message, message_id: str, sender: Sender, when: _When) -> list[Entry]:
    if message.group_id is None:
        raise Refused("missing_field", "/groupId", "a group message names its group: that is the account")
    mapping = Mapping(alias=_who(message), account_id=str(message.group_id))
    event = _event(message, message_id, sender, when, "account.updated", traits=message.traits or {})
    return [mapping_entry(mapping, when.at), event]


def _alias(message: Message, _message_id: str, sender: Sender, when: _When) -> list[Entry]:
    if message.user_id is None or message.previous_id is None:
        missing = "userId" if message.user_id is None else "previousId"
        raise Refused("missing_field", f"/{missing}", "an alias message has userId and previousId")
    require_allowed(sender, "user.updated", "", traits=True)
    # SDKs give the anonymous id as the previous one where there was no user yet, and do not say so.
    user = f"user:{message.user_id}"
    aliases = (f"user:{message.previous_id}", f"anonymous:{message.previous_id}")
    return [mapping_entry(Mapping(alias=alias, same_as=user), when.at) for alias in aliases if alias != user]


def _who(message: Message) -> str:
    if message.user_id is not None:
        return f"user:{message.user_id}"
    if message.anonymous_id is not None:
        return f"anonymous:{message.anonymous_id}"
    raise Refused("missing_field", "/userId", "a message says whom it is about: userId or anonymousId")


def _account(message: Message) -> str | None:
    context = message.context or Context()
    inside = (context.traits or {}).get("groupId")
    named = next((each for each in (message.group_id, context.group_id, inside) if each is not None and each != ""), None)
    if named is None:
        return None
    if not isinstance(named, (str, int)) or len(str(named)) > LONGEST_ID:
        raise Refused("wrong_type", "/context/traits/groupId", f"the id of a group is text of at most {LONGEST_ID} characters")
    return str(named)


def _event(message: Message, message_id: str, sender: Sender, when: _When, name: str, **content: Any) -> Entry:
    pointer = "/event" if message.event else ""
    require_allowed(sender, name, pointer, traits="traits" in content or "user_traits" in content)
    for field in ("traits", "user_traits"):
        require_traits(sender, content.get(field), "/traits")
    who, account_id = _who(message), _account(message)
    event = Event(
        id=message_id,
        name=name,
        source=sender.key.source,
        account_id=account_id,
        user_id=None if message.user_id is None else str(message.user_id),
        about=who if account_id is None else None,
        occurred_at=when.occurred_at,
        **content,
    )
    return event_entry(event, when.at)


CALLS: dict[str, Callable[[Message, str, Sender, _When], list[Entry]]] = {
    "track": _track,
    "identify": _identify,
    "group": _group,
    "page": _page,
    "screen": _screen,
    "alias": _alias,
}
