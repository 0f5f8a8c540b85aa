"""PostHog's events become records: what its server-side SDKs send to `/batch/`, `/capture/` and `/i/v1/analytics/events`.

    capture          an event of that name, with `properties`; what is in `$set` are traits of the user
    $pageview        `page.viewed`        $screen    `screen.viewed`
    $identify, $set  `user.updated`, with the user's traits; an e-mail among them becomes an alias of the user
    $groupidentify   `account.updated`, with the account's traits; `distinct_id` belongs to the account from now on
    $create_alias    `distinct_id` is the same user as `properties.alias` from now on

The account is the group of type `account`, `company` or `organization` in `properties.$groups`, else that of the user's group.
The user is `distinct_id`; but an event without a person (`$process_person_profile` is false) is about `anonymous:ID`. The event's
id is `uuid`. Fields: https://posthog.com/docs/api/capture, and `client.py` and `capture_v1.py` of posthog-python (7.91).
"""

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct, field

from services.ingest.apis.items import Id, email_alias, id_of, wrong_field
from services.ingest.errors import Refused
from services.ingest.http.body import LARGEST_EVENT, MOST_PROPERTIES
from services.ingest.reading.json_read import kind_of, read_object
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
from shared.instants import Instant
from shared.log.contract import Entry
from shared.records import Event, JsonObject, Mapping, as_json

# Types of groups that are customer companies, what weighs most first. Others stay among the properties.
ACCOUNTS = ("account", "company", "organization")

_NAMES = {
    "$pageview": "page.viewed",
    "$screen": "screen.viewed",
    "$identify": "user.updated",
    "$set": "user.updated",
    "$set_once": "user.updated",
    "$groupidentify": "account.updated",
}


class Batch(Struct):
    """The body of `/batch/`: events, and what holds for all of them."""

    batch: list[msgspec.Raw]
    api_key: str | None = None
    sent_at: str | None = None
    historical_migration: bool = False


class Captured(Struct, kw_only=True):
    """One event. Fields that are not here are nobody's mistake."""

    event: str | None = None
    uuid: Id | None = None
    distinct_id: Id | None = None
    properties: JsonObject = {}
    timestamp: str | None = None
    set_: JsonObject | None = field(name="$set", default=None)
    set_once: JsonObject | None = field(name="$set_once", default=None)
    # In version 1 of the protocol these are beside the properties.
    options: JsonObject = {}
    session_id: str | None = None
    window_id: str | None = None


def read_captured(raw: bytes, sender: Sender, batch: Batch) -> Taken:
    """One event. Raises Refused."""
    if len(raw) > LARGEST_EVENT:
        raise Refused("too_large", "", f"this event has {len(raw):,} bytes; it may have {LARGEST_EVENT:,}")
    value = read_object(raw, MOST_PROPERTIES)
    try:
        # null is how some SDKs say nothing.
        captured = msgspec.convert({name: each for name, each in value.items() if each is not None}, Captured)
        return _Reading(captured, sender, batch).taken()
    except msgspec.ValidationError as error:
        refused = wrong_field(error)
        refused.id = id_of(value.get("uuid"))
        raise refused from error
    except Refused as refused:
        refused.id = id_of(value.get("uuid"))
        raise


class _Reading:
    """One event while it is read."""

    def __init__(self, captured: Captured, sender: Sender, batch: Batch) -> None:
        self._captured = captured
        self._sender = sender
        self._batch = batch
        self._properties = _with_version_1(captured)
        self._user_traits = {**(captured.set_ or {}), **self._take_object("$set")}
        self._id = sender.new_id() if captured.uuid is None else str(captured.uuid)
        self._occurred_at = self._time()
        self._at = log_time(sender, None, self._occurred_at, "/timestamp")

    def taken(self) -> Taken:
        event = self._captured.event
        if not event:
            raise Refused("missing_field", "/event", "what was captured has a name")
        name = _NAMES.get(event) or normalise(event)
        if not name or len(event) > LONGEST:
            raise Refused("bad_value", "/event", f"{event[:60]!r} is no name: between 1 and {LONGEST} characters, with a letter")
        if event == "$create_alias":
            entries = self._alias()
        elif event == "$groupidentify":
            entries = self._group(name)
        else:
            entries = [*self._aliases(event), self._event(name)]
        return Taken(entries, self._id, is_new=self._captured.uuid is None)

    def _time(self) -> Instant | None:
        """The sender's clock is corrected by how much `sent_at` differs from when the request was received."""
        if self._captured.timestamp is None:
            return None
        occurred_at = read_instant(self._captured.timestamp, "/timestamp")
        sent_at, is_history = self._batch.sent_at, self._batch.historical_migration
        if sent_at is None or is_history or self._sender.replay or self._option("$ignore_sent_at", "disable_skew_correction"):
            return occurred_at
        return occurred_at + self._sender.received_at - read_instant(sent_at, "/sent_at")

    def _event(self, name: str) -> Entry:
        who = self._who()
        account_id = self._account()
        return self._logged(name, account_id, who, user_traits=self._user_traits or None)

    def _group(self, name: str) -> list[Entry]:
        kind, key = self._properties.get("$group_type"), self._properties.get("$group_key")
        if kind not in ACCOUNTS:
            return [self._logged("group.updated", None, self._who(), user_traits=None)]
        account_id = _group_id(key, "/properties/$group_key")
        if account_id is None:
            raise Refused("missing_field", "/properties/$group_key", "a group has a key: that is the account")
        traits = self._take_object("$group_set")
        # The distinct id may be one that the SDK made up for this event: then it is nobody's.
        event = self._logged(name, account_id, None, traits=traits)
        return [mapping_entry(Mapping(alias=self._who(), account_id=account_id), self._at), event]

    def _alias(self) -> list[Entry]:
        require_allowed(self._sender, "user.updated", "/event", traits=True)
        same = _group_id(self._properties.get("alias"), "/properties/alias")
        if same is None:
            raise Refused("missing_field", "/properties/alias", "an alias names the user that distinct_id is the same as")
        previous, user = self._distinct_id(), f"user:{same}"
        aliases = (f"user:{previous}", f"anonymous:{previous}")
        return [mapping_entry(Mapping(alias=alias, same_as=user), self._at) for alias in aliases if alias != user]

    def _aliases(self, event: str) -> list[Entry]:
        """What an identify call says beside its traits: who the user was before, and the user's e-mail."""
        if event not in ("$identify", "$set") or self._is_personless():
            return []
        aliases = []
        before = self._properties.get("$anon_distinct_id")
        if isinstance(before, str) and before:
            aliases += [f"user:{before}", f"anonymous:{before}"]
        if isinstance(self._user_traits.get("email"), str):
            with suppress(Refused):  # a trait may be what it likes; it only is no alias then
                aliases.append(email_alias(self._user_traits["email"]))
        user = self._who()
        return [mapping_entry(Mapping(alias=alias, same_as=user), self._at) for alias in aliases if alias != user]

    def _logged(self, name: str, account_id: str | None, who: str | None, **content: Any) -> Entry:
        tells = content.get("traits") is not None or content.get("user_traits") is not None
        require_allowed(self._sender, name, "/event", traits=tells or self._captured.event in ("$identify", "$groupidentify"))
        require_traits(self._sender, content.get("traits"), "/properties/$group_set")
        require_traits(self._sender, content.get("user_traits"), "/properties/$set" if self._captured.set_ is None else "/$set")
        history = self._batch.historical_migration
        if history and self._occurred_at is None:
            raise Refused("missing_field", "/timestamp", "history must say when it happened")
        event = Event(
            id=self._id,
            name=name,
            source=self._sender.key.source,
            account_id=account_id,
            user_id=who.removeprefix("user:") if who is not None and who.startswith("user:") else None,
            about=who if account_id is None else None,
            occurred_at=self._occurred_at,
            properties_json=as_json(self._properties),
            sent_name=None if name == self._captured.event else self._captured.event,
            imported=history,
            **content,
        )
        return event_entry(event, self._at)

    def _who(self) -> str:
        return f"{'anonymous' if self._is_personless() else 'user'}:{self._distinct_id()}"

    def _is_personless(self) -> bool:
        said = self._properties.get("$process_person_profile", self._captured.options.get("process_person_profile"))
        return said is False

    def _distinct_id(self) -> str:
        if self._captured.distinct_id is not None:
            return str(self._captured.distinct_id)
        inside = _group_id(self._properties.get("distinct_id"), "/properties/distinct_id")
        if inside is None:
            raise Refused("missing_field", "/distinct_id", "an event says whom it is about: distinct_id")
        return inside

    def _account(self) -> str | None:
        groups = self._properties.get("$groups")
        if not isinstance(groups, dict):
            return None
        found = ((kind, _group_id(groups.get(kind), f"/properties/$groups/{kind}")) for kind in ACCOUNTS)
        return next((account_id for _, account_id in found if account_id is not None), None)

    def _option(self, name: str, in_version_1: str) -> bool:
        return self._properties.get(name) is True or self._captured.options.get(in_version_1) is True

    def _take_object(self, name: str) -> JsonObject:
        value = self._properties.pop(name, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Refused("wrong_type", f"/properties/{name}", f"this is {kind_of(value)}; an object is needed")
        return value


def _with_version_1(captured: Captured) -> JsonObject:
    """The properties, with what stands beside them."""
    beside = {"$set_once": captured.set_once, "$session_id": captured.session_id, "$window_id": captured.window_id}
    return {**{name: value for name, value in beside.items() if value is not None}, **captured.properties}


def _group_id(value: Any, pointer: str) -> str | None:
    if value is None or value == "":
        return None
    try:
        return str(msgspec.convert(value, Id))
    except msgspec.ValidationError as error:
        raise Refused("wrong_type", pointer, str(error).replace("`", "")) from error
