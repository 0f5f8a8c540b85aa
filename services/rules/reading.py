"""From the bytes of a partition's next records to what is to be done with them. The only place where records are decoded."""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from services.rules.catalog import Control
from services.rules.heard import About, Heard, Poison
from services.rules.partitions import Owned
from shared.instants import DAY, Instant, month_of
from shared.log.contract import Record
from shared.records import Applied, Event, Mapping, Paused, Resumed, decode_events_record

# The year 1: `datetime` knows nothing before it, and neither do the months of the duplicate check.
EARLIEST: Instant = -62_135_596_800 * 1_000_000


class Slice:
    """The next records of one partition, up to `next_offset`. A change of plays comes last in its slice."""

    __slots__ = ("abouts", "at", "control", "control_value", "count", "gate", "heard", "next_offset", "owned", "poison")

    def __init__(self, owned: Owned) -> None:
        self.owned = owned
        self.next_offset = owned.next_offset
        self.at = owned.at
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
        return self.count > 0 or self.at > self.owned.at


def read_slice(owned: Owned, records: Sequence[Record]) -> Slice:
    """What the next records of a partition are. Nothing of the partition is changed.

    A change of plays waits until everything before it was decided by the plays so far: the deadlines before it (for which time
    moves on to it first), and accounts that are still being brought to the plays. Records past the gate wait for the totals of
    other partitions.
    """
    part = Slice(owned)
    for record in records:
        if part.control is not None or not _read(part, record):
            break
        part.count += 1
        part.next_offset = record.offset + 1
    return part


def _read(part: Slice, record: Record) -> bool:
    at = max(part.at, record.at)
    if part.gate is not None and at > part.gate:
        part.at = max(part.at, part.gate)
        return False
    try:
        _refuse_again(part.owned, record.offset)
        decoded = decode_events_record(record.value)
        if b"\\u0000" in record.value:
            _refuse_nul(msgspec.json.decode(record.value))
        if isinstance(decoded, Event):
            _hear(part, record, decoded, at)
        elif isinstance(decoded, Mapping):
            part.abouts.append(About(decoded, record.key, at))
        elif isinstance(decoded, Applied | Paused | Resumed):
            if not _settled(part, at):
                return False
            part.control, part.control_value = decoded, record.value
    except (msgspec.MsgspecError, ValueError, UnicodeError) as error:
        part.poison.append(Poison(origin(part.owned.partition, record.offset), str(error), record.value, at))
    part.at = at
    return True


def _settled(part: Slice, at: Instant) -> bool:
    owned = part.owned
    if part.count or owned.catalog.warming:
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
    if memoryview(event.properties_json)[0] != _BRACE:
        raise ValueError("properties are not an object")
    event.received_at = occurred_at if event.imported else at
    account_id = event.account_id
    if account_id and record.key == account_id:
        named = blake2b(f"{account_id}\0{event.source}\0{event.id}".encode(), digest_size=16).digest()
        part.heard.append(Heard(event, record.offset, _month(event.received_at), named, record.value, at))
    elif account_id or event.about:
        part.abouts.append(About(event, record.key, at))
    else:
        raise ValueError("neither an account nor whom the event is about")


_BRACE = ord("{")
_months: dict[int, int] = {}


def _month(instant: Instant) -> int:
    day = instant // DAY
    month = _months.get(day)
    if month is None:
        # A worker sees few days; imported history sees many, but never more than there are.
        month = _months[day] = month_of(instant)
    return month


def _refuse_nul(value: object) -> None:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a text with the character U+0000, which the database cannot keep")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for part in value:
            _refuse_nul(part)
