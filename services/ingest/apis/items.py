"""An item of `POST /v1/events` becomes an event in the log.

{"name": "report.exported", "account_id": "acme", "user_id": "u1", "properties": {"pages": 12}}
"""

import re
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from services.ingest.apis.plain import read_plain
from services.ingest.errors import Refused
from services.ingest.http.body import LARGEST_EVENT, LONGEST_ID, MOST_PROPERTIES
from services.ingest.reading.json_read import read_object
from services.ingest.reading.json_scan import escaped
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
from shared import aliases
from shared.instants import Instant
from shared.log.contract import Entry
from shared.records import Event, JsonObject, Mapping, as_json

Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)] | int
# More would let one event go round among more partitions than it is worth.
MOST_ALIASES = 5

Alias = Annotated[str, Meta(min_length=3, max_length=LONGEST_ID)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Item(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One event as it is sent. It is named by its account, its source and its id: a repeat counts once."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST,
            description="What happened: dotted, lower case, `report.exported`. `Report Exported` becomes that, too.",
            examples=["report.exported"],
        ),
    ]
    id: Annotated[Id | None, Meta(description="The sender's own, so that a repeat counts once; else it is given one.")] = None
    account_id: Annotated[Id | None, Meta(description="The customer company it happened to.")] = None
    user_id: Annotated[Id | None, Meta(description="The person. Without `account_id` the account is the user's group.")] = None
    email: Annotated[
        Annotated[str, Meta(max_length=LONGEST_ID)] | None,
        Meta(description="Whom it is about, when the account is not known: asked after `about` and `user_id`."),
    ] = None
    about: Annotated[
        Alias | Annotated[list[Alias], Meta(min_length=1, max_length=MOST_ALIASES)] | None,
        Meta(
            description="Whom it is about as foreign systems name it, when there is no `account_id`: of several the first counts "
            "that means an account.",
            examples=["zendesk:org:99"],
        ),
    ] = None
    aliases: Annotated[
        Annotated[list[Alias], Meta(max_length=100)] | None,
        Meta(description="Other names of the account, from now on.", examples=[["zendesk:org:99", "domain:acme.example"]]),
    ] = None
    occurred_at: Annotated[
        Moment | None, Meta(description="When it happened, in ISO 8601; without an offset in UTC. Default: when it is received.")
    ] = None
    properties: JsonObject | None = None
    traits: Annotated[JsonObject | None, Meta(description="Traits of the account, from this event on.")] = None
    user_traits: Annotated[JsonObject | None, Meta(description="Traits of the user, from this event on.")] = None
    imported: Annotated[
        bool, Meta(description="History: received when it occurred (so `occurred_at` is needed), fills memory, fires nothing.")
    ] = False
    source: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)] | None,
        Meta(description="Where history came from. Else the source is the key's, and only that may be said."),
    ] = None
    received_at: Annotated[
        Moment | None, Meta(description="For files of history, as `plays backtest` reads them; only a replayed log heeds it.")
    ] = None
    seq: Annotated[int | None, Meta(description="For files of history, as `received_at`; never heeded here.")] = None


_FIELDS = frozenset(Item.__struct_fields__)
_AT_FIELD = re.compile(r"(.*?)(?: - at `\$\.(\w+).*`)?", re.DOTALL)


def read_item(raw: bytes, sender: Sender) -> Taken:
    """Raises Refused."""
    if len(raw) > LARGEST_EVENT:
        raise Refused("too_large", "", f"this event has {len(raw):,} bytes; it may have {LARGEST_EVENT:,}")
    return read_plain(raw, sender) or read_thoroughly(raw, sender)


def read_thoroughly(raw: bytes, sender: Sender) -> Taken:
    """Any event. Raises Refused."""
    value = read_object(raw, MOST_PROPERTIES)
    try:
        return _taken(_item_of(value), sender)
    except Refused as refused:
        refused.id = id_of(value.get("id"))
        raise


def id_of(value: Any) -> str | None:
    """The id of an item that is refused, if it can be told."""
    return str(value)[:LONGEST_ID] if isinstance(value, (str, int)) and value != "" else None


def _item_of(value: JsonObject) -> Item:
    for field in value:
        if field not in _FIELDS:
            near = get_close_matches(field, _FIELDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(Item.__struct_fields__)}"
            raise Refused("unknown_field", f"/{escaped(field)}", f"there is no {field!r}: {hint}")
    if value.get("name") is None:
        raise Refused("missing_field", "/name", "an event has a name, such as report.exported")
    try:
        return msgspec.convert(value, Item)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from error


def wrong_field(error: msgspec.ValidationError) -> Refused:
    """What msgspec says of a field, with its place as a pointer."""
    found = _AT_FIELD.fullmatch(str(error))
    what, field = (found[1], found[2]) if found else (str(error), None)
    code = "bad_value" if "length" in what else "wrong_type"
    return Refused(code, "" if field is None else f"/{field}", what.replace("`", ""))


def _taken(item: Item, sender: Sender) -> Taken:
    name = normalise(item.name)
    if not name:
        raise Refused("bad_value", "/name", f"{item.name!r} has neither a letter nor a digit")
    tells = any(each is not None for each in (item.traits, item.user_traits, item.aliases))
    require_allowed(sender, name, "/name", traits=tells)
    require_traits(sender, item.traits, "/traits")
    require_traits(sender, item.user_traits, "/user_traits")
    occurred_at = None if item.occurred_at is None else read_instant(item.occurred_at, "/occurred_at")
    if item.imported and occurred_at is None:
        raise Refused("missing_field", "/occurred_at", "imported history must say when it happened")
    about = _about(item)
    event = Event(
        id=sender.new_id() if item.id is None else str(item.id),
        name=name,
        source=_source(item, sender),
        account_id=None if item.account_id is None else str(item.account_id),
        user_id=None if item.user_id is None else str(item.user_id),
        about=about[0] if about else None,
        else_about=about[1:],
        occurred_at=occurred_at,
        properties_json=as_json(item.properties or {}),
        traits=item.traits,
        user_traits=item.user_traits,
        sent_name=None if name == item.name else item.name,
        imported=item.imported,
    )
    at = log_time(sender, _received_at(item, sender), occurred_at, "/occurred_at")
    return Taken([*_who_is_who(item, at), event_entry(event, at)], event.id, is_new=item.id is None)


def _who_is_who(item: Item, at: Instant | None) -> list[Entry]:
    """Mappings come before the event, so that what waited for them is released first."""
    if item.aliases is None:
        return []
    if item.account_id is None:
        raise Refused("bad_value", "/aliases", "aliases are other names of an account: say which, in account_id")
    entries = []
    for index, text in enumerate(item.aliases):
        alias = alias_of(text, f"/aliases/{index}")
        if aliases.means_nobody(alias):
            detail = f"{text!r} is a free-mail provider's: anybody has an address there"
            raise Refused("bad_value", f"/aliases/{index}", detail)
        entries.append(mapping_entry(Mapping(alias=alias, account_id=str(item.account_id)), at))
    return entries


def _source(item: Item, sender: Sender) -> str:
    if item.source is None or item.source == sender.key.source:
        return sender.key.source
    if not (item.imported or sender.replay):
        raise Refused("not_allowed", "/source", f"the source is the key's, {sender.key.source!r}; only history may name another")
    return item.source


def _received_at(item: Item, sender: Sender) -> Instant | None:
    if item.received_at is None or not sender.replay:
        return None
    return read_instant(item.received_at, "/received_at")


def _about(item: Item) -> tuple[str, ...]:
    """The aliases to ask for the account, in their order: what `about` says, then the user, then the address."""
    if item.account_id is not None:
        for field in ("about", "email"):
            if getattr(item, field) is not None:
                raise Refused("bad_value", f"/{field}", f"{field!r} is for events whose account is not known: leave it out")
        return ()
    given = [item.about] if isinstance(item.about, str) else item.about or []
    place = "/about" if isinstance(item.about, str) else "/about/{}"
    asked = [alias_of(text, place.format(index)) for index, text in enumerate(given)]
    if item.user_id is not None:
        asked.append(f"user:{item.user_id}")
    if item.email is not None:
        asked.append(email_alias(item.email))
    if not asked:
        raise Refused("missing_field", "/account_id", "say whom it is about: account_id, or user_id, email or about")
    return tuple(dict.fromkeys(asked))


def alias_of(text: str, pointer: str = "/about") -> str:
    """An alias as it is kept. Raises Refused: it is none."""
    try:
        return aliases.read_alias(text)
    except aliases.AliasInvalid as error:
        raise Refused("bad_value", pointer, str(error)) from None


def email_alias(address: str, pointer: str = "/email") -> str:
    """The alias of an e-mail address. Raises Refused: it is none."""
    try:
        return aliases.email_alias(address)
    except aliases.AliasInvalid as error:
        raise Refused("bad_value", pointer, str(error)) from None
