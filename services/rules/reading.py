"""From the bytes of a partition's next records to what is to be done with them. The only place where records are decoded."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from services.rules.catalog import Control
from services.rules.heard import About, Heard, Poison
from services.rules.partitions import Owned
from shared.instants import DAY, Instant, month_of
from shared.log.contract import Record
from shared.records import Applied, Event, Mapping, Paused, Resumed, decode_events_record

# The year 1: `datetime` knows nothing before it, and neither do the months of the duplicate check.
EARLIEST: Instant = -62_135_596_800 * 1_000_000


class Begin(NamedTuple):
    """Where the next records of a partition begin: their first offset, and the time before it."""

    next_offset: int
    at: Instant


class Slice:
    """The next records of one partition, up to `next_offset`. A change of plays comes last in its slice."""

    __slots__ = (
        *("abouts", "ahead", "at", "began", "control", "control_value", "count", "gate", "heard", "next_offset", "owned"),
        "poison",
    )

    def __init__(self, owned: Owned, after: Begin | None = None) -> None:
        """With `after` it is read ahead: what comes before it is not stored yet."""
        self.owned = owned
        self.ahead = after is not None
        self.began = after or Begin(owned.next_offset, owned.at)
        self.next_offset, self.at = self.began
        # Time goes no further yet.
        self.gate = owned.peers.gate
        self.count = 0
        self.heard: list[Heard] = []
        self.abouts: list[About] = []
        self.poison: list[Poison] = []
        self.control: Control | None = None
        self.control_value = b""

    @property
    def moves(self) -> bool:
        """Whether there is anything in it: records, or time that passes up to one that has to wait."""
        return self.count > 0 or self.at > self.began.at


def read_slice(owned: Owned, records: Sequence[Record], after: Begin | None = None) -> Slice:
    """What the next records of a partition are; with `after`, those from there on. Nothing of the partition is changed.

    A change of plays waits until everything before it was decided by the plays so far: the deadlines before it (for which time
    moves on to it first), and accounts that are still being brought to the plays. So it is never read ahead. Records past the
    gate wait for the totals of other partitions.
    """
    part = Slice(owned, after)
    for record in records:
        if part.control is not None or not _read(part, record):
            break
        part.count += 1
        part.next_offset = record.offset + 1
    return part


def _read(part: Slice, record: Record) -> bool:
    at, value = max(part.at, record.at), record.value
    if part.gate is not None and at > part.gate:
        part.at = max(part.at, part.gate)
        return False
    try:
        if part.owned.refused:
            _refuse_again(part.owned, record.offset)
        decoded = decode_events_record(value)
        if _NUL in value:
            _refuse_nul(msgspec.json.decode(value))
        if type(decoded) is Event:
            _hear(part, record, decoded, at)
        elif isinstance(decoded, Mapping):
            part.abouts.append(About(decoded, record.key, at))
        elif isinstance(decoded, Applied | Paused | Resumed):
            if not _settled(part, at):
                return False
            part.control, part.control_value = decoded, value
    except (msgspec.MsgspecError, ValueError, UnicodeError) as error:
        part.poison.append(Poison(origin(part.owned.partition, record.offset), str(error), value, at))
    part.at = at
    return True


def _settled(part: Slice, at: Instant) -> bool:
    owned = part.owned
    if part.ahead or part.count or owned.catalog.warming:
        return False
    part.at = at
    return owned.at >= at and not owned.has_due


def _refuse_again(owned: Owned, offset: int) -> None:
    if offset in owned.refused:
        raise ValueError(owned.refused[offset])


def origin(partition: int, offset: int) -> str:
    """Where a record lies in the log, as dead letters name it."""
    return f"events/{partition}/{offset}"


def _hear(part: Slice, record: Record, event: Event, at: Instant) -> None:
    occurred_at = event.occurred_at
    if occurred_at is None or occurred_at > at:
        event.occurred_at = occurred_at = at
    elif occurred_at < EARLIEST:
        raise ValueError("occurred_at is before the year 1")
    properties = str(event.properties_json, "utf-8")
    if properties[0] != "{":
        raise ValueError("properties are not an object")
    event.received_at = received_at = occurred_at if event.imported else at
    account_id = event.account_id
    if account_id and record.key == account_id:
        named = blake2b(f"{account_id}\0{event.source}\0{event.id}".encode(), digest_size=16).digest()
        month = _months.get(received_at // DAY) or _month(received_at)
        part.heard.append(Heard(event, record.offset, month, named, properties, record.value, at))
    elif account_id or event.about:
        part.abouts.append(About(event, record.key, at))
    else:
        raise ValueError("neither an account nor whom the event is about")


_NUL = b"\\u0000"
_months: dict[int, int] = {}


def _month(instant: Instant) -> int:
    # A worker sees few days; imported history sees many, but never more than there are.
    month = _months[instant // DAY] = month_of(instant)
    return month


def _refuse_nul(value: object) -> None:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a text with the character U+0000, which the database cannot keep")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for part in value:
            _refuse_nul(part)
