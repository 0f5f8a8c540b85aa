"""The records on the log's topics: the only thing that services share while they run.

`events`, keyed by account (or by whom an event is about), carries `Event`, `Mapping`, `Tick`, `Applied`, `Paused` and
`Resumed`. `runs`, keyed by account, carries `RunOpened`, `RunResolved` and `RunGoal`. A record is one JSON object whose `type`
names its kind. `notifications`, keyed by source and thing, carries `Notification`, from ingest to ingest.
"""

import json
from typing import Any

import msgspec

from shared.instants import DAY, Instant, Microseconds

JsonObject = dict[str, Any]


class Event(msgspec.Struct, tag_field="type", tag="event", omit_defaults=True, kw_only=True, gc=False):
    """Something that happened to one account. It is named by (account_id, source, id).

    `received_at` is the time of the record that carries it: it is not written by ingest, but set by whoever reads the log.
    """

    id: str
    name: str
    source: str
    account_id: str | None = None
    user_id: str | None = None
    # Whom the event is about while its account is unknown: the alias it is logged under, such as `user:u1`, `email:a@b.example`.
    about: str | None = None
    # The aliases that are tried after it, one after the other, while none is known to mean an account.
    else_about: tuple[str, ...] = ()
    # The aliases under which it was logged before this one, so that aliases in a circle do not send it round for ever.
    via: tuple[str, ...] = ()
    occurred_at: Instant | None = None
    # As JSON, unread: most events are counted, stored and passed on without anybody looking into them. See `properties`.
    properties_json: msgspec.Raw = msgspec.field(name="properties", default=msgspec.Raw(b"{}"))
    traits: JsonObject | None = None
    user_traits: JsonObject | None = None
    # The sender's own spelling, where the name was normalised.
    sent_name: str | None = None
    # History that was imported: received when it occurred, fills memory, fires nothing.
    imported: bool = False
    received_at: Instant = 0

    @property
    def properties(self) -> JsonObject:
        """What the sender said of it, read afresh at each call.

        Raises msgspec.ValidationError: the record has something other than an object there.
        """
        try:
            return _decode_object(self.properties_json)
        except msgspec.ValidationError:
            # A number too large to be read (1e400, five thousand digits) is no reason not to read the rest.
            return msgspec.convert(_with_infinities(bytes(self.properties_json)), JsonObject)


class Mapping(msgspec.Struct, tag_field="type", tag="mapping", omit_defaults=True, kw_only=True):
    """From now on `alias` (`user:u1`, `email:...`, `domain:acme.example`) means `account_id`, or the same as another alias."""

    alias: str
    account_id: str | None = None
    same_as: str | None = None
    # The aliases that were told of it, the last of them by this record, because events that came by `alias` went on to them.
    told: tuple[str, ...] = ()


class Tick(msgspec.Struct, tag_field="type", tag="tick", omit_defaults=True, kw_only=True):
    """Nothing but its own time: appended by the worker of a partition whose next deadline is due."""


class AppliedPlay(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One play of an `Applied` record: `document` is the whole play, its segments and defaults already written in."""

    play: str
    version: int
    document: JsonObject
    was: str | None = None


class Applied(msgspec.Struct, tag_field="type", tag="applied", omit_defaults=True, kw_only=True):
    """The complete set of plays from this record on; a play that is not in it is archived.

    `listening` says since when an event name is heard (the catalogue's `since`), `listening_since` since when all others are.
    `workspace` is the version of the workspace: an older set that is logged once more changes nothing.
    """

    plays: list[AppliedPlay]
    workspace: int = 0
    listening: dict[str, Instant] = {}
    listening_since: Instant = 0


class Paused(msgspec.Struct, tag_field="type", tag="paused", omit_defaults=True, kw_only=True):
    """From now on the play opens no run."""

    play: str


class Resumed(msgspec.Struct, tag_field="type", tag="resumed", omit_defaults=True, kw_only=True):
    """From now on the play opens runs again."""

    play: str


EventsRecord = Event | Mapping | Tick | Applied | Paused | Resumed


class Guard(msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    """What holds a play's deliveries: more than `max_runs` runs in any span `per`; or no event of `names` for `fresh`."""

    max_runs: int | None = None
    per: Microseconds = DAY
    fresh: Microseconds | None = None
    names: tuple[str, ...] = ()


class RunOpened(msgspec.Struct, tag_field="type", tag="run.opened", omit_defaults=True, kw_only=True, gc=False):
    """A rising edge that became a run, with all that its steps may need. `account`, `user` and `event` are as at `opened_at`."""

    run_id: str
    play: str
    version: int
    account_id: str
    subject: str
    user_id: str | None = None
    opened_at: Instant
    arm: str = "run"  # run | holdout | shadow: only `run` is delivered
    evidence: JsonObject = {}
    title: str = ""
    steps: list[JsonObject] = []
    on_resolve: str = "close_tasks"
    account: JsonObject = {}  # traits, and `id`
    user: JsonObject | None = None
    event: JsonObject | None = None
    per: str = "account"  # account | user | value
    guard: Guard | None = None


class RunResolved(msgspec.Struct, tag_field="type", tag="run.resolved", omit_defaults=True, kw_only=True, gc=False):
    """The end of a run: `reason` is cleared, left, resolved, expired, edited, archived or ended."""

    run_id: str
    account_id: str
    play: str
    resolved_at: Instant
    reason: str


class RunGoal(msgspec.Struct, tag_field="type", tag="run.goal", omit_defaults=True, kw_only=True, gc=False):
    """What became of a run's goal: `outcome` is reached or missed, at that instant. A run that resolved may still reach it."""

    run_id: str
    account_id: str
    play: str
    at: Instant
    outcome: str


RunsRecord = RunOpened | RunResolved | RunGoal


class Notification(msgspec.Struct, omit_defaults=True, kw_only=True):
    """That something happened to a thing at a vendor's, who says no more: it is fetched, and then becomes events.

    `id` is the vendor's, and with `source` names it; `vendor` is what came, as JSON.
    """

    id: str
    source: str
    thing: str
    vendor: msgspec.Raw
    received_at: Instant
    occurred_at: Instant | None = None


encode = msgspec.json.Encoder().encode
decode_notification = msgspec.json.Decoder(Notification).decode
_decode_object = msgspec.json.Decoder(JsonObject).decode
decode_events_record = msgspec.json.Decoder(EventsRecord).decode
decode_runs_record = msgspec.json.Decoder(RunsRecord).decode


def _with_infinities(properties: bytes) -> Any:
    """JSON read more slowly: a number that is too large is infinite."""
    return json.loads(properties, parse_int=lambda digits: int(digits) if len(digits) < 400 else float(digits))


def as_json(properties: JsonObject) -> msgspec.Raw:
    """Properties as an `Event` carries them."""
    return msgspec.Raw(encode(properties))
