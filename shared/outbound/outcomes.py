"""What one try came to, of a delivery to a tool or of a question to a vendor. `retry` decides what follows.

Delivered     the tool has it
TryAgain      it may work later
GiveUp        it will never work: to the dead letters
Pause         the destination refuses us (401, 403): everything for it is held until a person enables it
Disable       the destination is gone (410)
Hold          it cannot go out as things are configured; it goes on by itself when that has changed
"""

from dataclasses import dataclass

from shared.instants import Microseconds


@dataclass(frozen=True, slots=True)
class Delivered:
    """`external_id` is what the tool calls it, `response` its answer, cut."""

    external_id: str | None = None
    status: int | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """`after` is what the tool asks for (Retry-After); `throttled` tries do not count against the schedule."""

    reason: str
    after: Microseconds | None = None
    throttled: bool = False
    status: int | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will never work as it is."""

    reason: str
    status: int | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """The destination refuses us: wrong or missing rights."""

    reason: str
    status: int | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Disable:
    """The destination says that it is gone."""

    reason: str
    status: int | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing was sent: the destination is not configured, or not active."""

    reason: str
    status: int | None = None
    response: str | None = None


Outcome = Delivered | TryAgain | GiveUp | Pause | Disable | Hold
