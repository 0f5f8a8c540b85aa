"""What a record of topic `events` turns out to be, other than a change of plays or a tick."""

from typing import NamedTuple

import msgspec

from shared.instants import Instant
from shared.records import Event, Mapping


class Heard(msgspec.Struct, gc=False):
    """An event of a known account. Its name is (account, source, id); `fingerprint` stands for it, in `month`.

    The garbage collector does not look at it: there are too many, and nothing in one leads back to it.
    """

    event: Event
    offset: int
    month: int
    fingerprint: bytes
    # Its properties as they are stored: JSON text.
    properties: str
    record: bytes
    # The time of its record: for imported history that is not when it was received.
    at: Instant


class About(NamedTuple):
    """An event without an account, a mapping, or either under a key that is not its own."""

    record: Event | Mapping
    key: str
    at: Instant


class Poison(NamedTuple):
    """What cannot be taken, and why. `origin` is where it lies in the log."""

    origin: str
    reason: str
    value: bytes
    at: Instant
