"""A play: the YAML document, read and checked. `services.rules.core.compiled` makes it ready to run.

The document that travels in an `Applied` record is the same mapping, its segments and defaults written in.
"""

from hashlib import blake2b
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.rules.core.condition import ConditionField, Leaf, Setting
from services.rules.core.fields import Duration, Form, Share
from services.rules.core.goal import Goal
from services.rules.core.guard import Guard
from shared.instants import DAY, Microseconds, parse_duration
from shared.matchers import AccountMatchers

PlayName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "timezone", "There is no time zone {found}; write an IANA name such as Europe/Paris", {"found": repr(name)}
        ) from None
    return name


class Again(Form):
    """How long after the last run the next may open: None is never, 0 is every time."""

    after: Microseconds | None


def _again(found: object) -> object:
    if found == "never":
        return {"after": None}
    if found == "every time":
        return {"after": 0}
    if isinstance(found, str) and found.startswith("after "):
        try:
            return {"after": parse_duration(found.removeprefix("after ").strip())}
        except ValueError as error:
            raise PydanticCustomError("again", "{reason}", {"reason": str(error)}) from None
    raise PydanticCustomError("again", "Input should be never, every time, or after DURATION such as after 30d")


AgainField = Annotated[
    Again, BeforeValidator(_again), WithJsonSchema({"type": "string", "pattern": "^(never|every time|after [0-9]+[smhdw])$"})
]


class By(Form):
    """Each value at a path of the event is a subject of its own."""

    by: Annotated[str, Field(pattern=r"^properties(\.[^.\s]+)+$")]


def _audience(found: Any) -> Any:
    """`segment:` is written in before the engine sees a play; here it is a name that nobody resolved."""
    if isinstance(found, dict) and "segment" in found:
        raise PydanticCustomError(
            "segment", "segments are named in successplays.yaml; there is none called {name}", {"name": str(found["segment"])}
        )
    return found


class Play(Form):
    """One play. Only `play` and `when` are required."""

    play: PlayName
    when: ConditionField
    title: str = ""
    maintainer: str | None = None
    tags: list[str] = []
    was: PlayName | None = None
    mode: Literal["draft", "shadow", "live"] = "live"
    rollout: Share = 1.0
    per: Literal["account", "user"] | By = "account"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    audience: Annotated[AccountMatchers | None, BeforeValidator(_audience)] = None
    hold: Duration | None = None
    again: AgainField | None = None
    on_activate: Literal["ignore", "run"] = "ignore"
    max_age: Duration = 7 * DAY
    resolve_when: ConditionField | None = None
    do: list[dict[str, Any]] = []
    on_resolve: Literal["close_tasks", "comment", "nothing"] = "close_tasks"
    holdout: Share = 0.0
    goal: Goal | None = None
    guard: Guard | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.when.impulse and self.hold is not None:
            raise PydanticCustomError("hold_impulse", "hold goes with a level; what is true only at one event cannot last")
        if self.per != "account" and any(leaf.peers is not None for leaf in self._leaves()):
            raise PydanticCustomError("peers_per", "peers are accounts: per is account in a play that compares with peers")
        return self

    def _leaves(self) -> list[Leaf]:
        leaves: list[Leaf] = []
        for condition in (self.when, self.resolve_when, None if self.goal is None else self.goal.when):
            if condition is not None:
                condition.grow(Setting(self.play, self.timezone), leaves)
        return leaves

    @property
    def kind(self) -> str:
        """The kind of its subjects: `account`, `user`, or `by:properties.ticket_id`."""
        return f"by:{self.per.by}" if isinstance(self.per, By) else self.per

    @property
    def cooldown(self) -> Microseconds | None:
        """How long after a run the next may open: None is never. By default 30 days for levels, none for impulses."""
        if self.again is not None:
            return self.again.after
        return 0 if self.when.impulse else 30 * DAY


_IDENTITY_KEYS = ("per", "audience", "when", "hold", "resolve_when", "timezone", "max_age")


def identity_of(document: dict[str, Any]) -> str:
    """What makes a play another one: per, audience, condition, hold. A change of anything else keeps its state."""
    parts = {key: document.get(key) for key in _IDENTITY_KEYS}
    return blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=6).hexdigest()
