"""When a `wait` is over, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.actions.core.steps import Wait
from shared.instants import Instant, parse_duration, parse_instant

# A wait without any time in it: until its run or its tasks have ended. Far enough never to come.
NEVER: Instant = 2**62


class MissingDate(Exception):
    """The date to wait for is not there, or is none."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What has already come to pass in the run."""

    resolved: bool = False
    done: bool = False


def waits_until(wait: Wait, reached: Instant, context: Mapping[str, Any]) -> Instant:
    """The instant at which the time of a wait has passed; NEVER when it has none.

    Raises:
        MissingDate: `until_date` names a trait that is missing or is not a date.
    """
    if wait.for_ is not None:
        return reached + parse_duration(wait.for_)
    if wait.until_date is None:
        return NEVER
    *span, path = wait.until_date.split(" ")
    moment = _date_at(path, context)
    if not span:
        return moment
    length, side = span
    return moment - parse_duration(length) if side == "before" else moment + parse_duration(length)


def what_follows(wait: Wait, until: Instant, ended: Ended, now: Instant) -> Literal["wait", "continue", "stop"]:
    """Whether to go on waiting at `now`, to go on to the next step, or to end the run's steps."""
    if (wait.until == "resolved" and ended.resolved) or (wait.until == "done" and ended.done):
        return wait.then
    return "continue" if now >= until else "wait"


def _date_at(path: str, context: Mapping[str, Any]) -> Instant:
    value: Any = context
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except ValueError:
            raise MissingDate(f"{path} is not a date: {value[:50]!r}") from None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise MissingDate(f"{path} is missing")
