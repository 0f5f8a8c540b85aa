"""What a condition is: a form (its YAML) that grows into leaves (its behaviour) under three-valued logic.

    when: {silence: {of: user.login, for: 14d}}
          the form `Silence` in conditions/silence.py, the class named after its file

A new kind is one file in `conditions/`: a `Form` with `impulse` and `grow`, and a `Leaf`.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Protocol, cast, runtime_checkable

from pydantic import BeforeValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from services.rules.core.calendar import Calendar, days_of
from services.rules.core.explaining.clauses import Said
from services.rules.core.fields import EventFilter
from services.rules.core.metrics.contract import Metric
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.peers.totals import Totals
from services.rules.core.state import Account, SubjectKey
from shared.instants import Instant, Microseconds
from shared.records import Event, JsonObject

Verdict = bool | None
Combine = Callable[[Sequence[Verdict]], Verdict]
# The memory of a subject's metrics, by key.
Metrics = dict[str, Any]


class Setting:
    """What a play gives to its conditions when they are compiled: its name, its time zone and the days of it.

    `audience` as text says who an account's peers may be; `totals` are theirs.
    """

    __slots__ = ("audience", "days", "play", "timezone", "totals")

    def __init__(self, play: str, timezone: str, audience: str = "", totals: Totals | None = None) -> None:
        self.play = play
        self.timezone = timezone
        self.audience = audience
        self.totals = Totals() if totals is None else totals
        self.days: Calendar = days_of(timezone)


class View:
    """What a condition may see of one subject at one instant, beside what its metrics remember."""

    __slots__ = ("_context", "_listening", "account", "event", "key", "matched", "start")

    def __init__(
        self,
        account: Account,
        key: SubjectKey,
        start: Instant,
        listening: Callable[[EventFilter], Instant],
        event: Event | None,
        matched: Sequence[int],
    ) -> None:
        self.account = account
        self.key = key
        self.start = start
        self._listening = listening
        # The event of this instant, if one is being taken, and the places of the leaves whose filter it matched.
        self.event = event
        self.matched = matched
        self._context: dict[str, JsonObject] | None = None

    @property
    def context(self) -> dict[str, JsonObject]:
        """The roots of matchers: `account` (traits and id), `user` where there is one. Made when it is first asked for."""
        if self._context is None:
            self._context = {"account": self.account.traits}
            user_id = self.user_id
            if user_id is not None:
                self._context["user"] = {**self.account.users.get(user_id, {}), "id": user_id}
        return self._context

    @property
    def subject(self) -> str:
        """The subject as people know it: the account's id, the user's, or the value."""
        return self.account.account_id if self.key.kind == "account" else self.key.value

    @property
    def user_id(self) -> str | None:
        """The subject, where it is a user; else the event's user."""
        if self.key.kind == "user":
            return self.key.value
        return self.event.user_id if self.event is not None else None

    def heard_since(self, filter: EventFilter) -> Instant:
        """The later of the subject's start and the instant since which the filter's events are listened to."""
        listening = self._listening(filter)
        return max(self.start, listening)


class Leaf(ABC):
    """One condition at work. Memory is passed in: `metrics` by key, and `own`, what it must remember of its own verdicts."""

    # True only at one event or one deadline.
    impulse = False
    # An impulse that comes true as time passes, or by a trait, and not only at an event that matches its filter.
    beside_events = False
    # It keeps memory of its own (`decided`), beside what its metrics remember.
    remembers = False
    # That memory is of traits, and begins before the first verdict.
    knows_before = False
    # An event can make the verdict false, never true.
    events_only_clear = False
    # Where its memory is the newest instant, and it stays false for so long after it.
    cleared_for: Microseconds | None = None
    filter: EventFilter | None = None
    metrics: tuple[Metric, ...] = ()
    # Those with whom it compares the account.
    peers: PeerGroup | None = None
    # The traits it reads: `account.plan`, `user.role`.
    paths: frozenset[str] = frozenset()

    def decided(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Any:
        """Its own memory, brought to `now`: asked for before the verdict, and only of leaves that remember."""
        return own

    @abstractmethod
    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """True, false, or None for unknown."""

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The first deadline at or after `now` at which the verdict may differ if nothing happens. May be early, never late."""
        return None

    def outlook(self, metrics: Metrics, own: Any, view: View, now: Instant) -> tuple[Verdict, Instant | None]:
        """The verdict and the next change, together: most looks ask for both."""
        return self.verdict(metrics, own, view, now), self.next_change(metrics, own, view, now)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The numbers of the verdict, as JSON: instants as ISO 8601, other numbers rounded to 6 decimals."""
        return {}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The verdict in words, with its numbers and its bound, and why it is unknown. For people: not asked while deciding."""
        return Said(", ".join(f"{name} {value}" for name, value in self.evidence(metrics, own, view, now).items()))

    def fell_because(self, own: Any) -> str:
        """Why a verdict that fell did so: `cleared`, unless the leaf knows better."""
        return "cleared"


# Where a leaf that decides at boundaries has its verdict, in its own memory.
VERDICT = 1


class BoundaryLeaf(Leaf):
    """A condition that decides at the boundaries of buckets and keeps its decision until the next, whatever is heard between.

    Its own memory is a list with the verdict at place VERDICT.
    """

    remembers = True
    # The bucket asked for last (`turn`) and its boundaries: most events are of the same bucket as the one before.
    bucket = 0
    opened: Instant = 0
    closes: Instant = 0
    # Of counts: what must be kept in all, or else no later boundary can be true without another event.
    enough = 0
    # While the verdict is false, the first boundary at which an event of the open bucket may make it true.
    tells: Instant = 0

    @abstractmethod
    def turn(self, now: Instant) -> None:
        """Set `bucket`, `opened`, `closes` and `tells` to those of the bucket that is open at `now`."""

    @abstractmethod
    def wake(self, own: Any, occurred_at: Instant) -> Instant:
        """The first later boundary at which an event of that instant may bring about another verdict."""

    @abstractmethod
    def may_differ(self, metrics: Metrics, own: Any) -> bool:
        """False where the verdict cannot change at a boundary without another event, whatever boundary it is."""

    @abstractmethod
    def restarted(self, own: Any, view: View) -> Any:
        """Its own memory once the subject has another start."""


class ConditionForm(Protocol):
    """The YAML of a condition, read and checked."""

    @property
    def impulse(self) -> bool:
        """Whether it is true only at an event or a deadline."""
        ...

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """Append its leaves; how their verdicts become one."""
        ...


@runtime_checkable
class Combination(Protocol):
    """A form that stands for several conditions, and has no leaf of its own."""

    @property
    def parts(self) -> Sequence[ConditionForm]:
        """Its conditions, in the order in which they grow."""
        ...


def single(leaf: Leaf, leaves: list[Leaf]) -> Combine:
    """Plant one leaf; its verdict stands for itself."""
    place = len(leaves)
    leaves.append(leaf)
    return lambda verdicts: verdicts[place]


def kleene(parts: Sequence[Combine], *, decisive: bool) -> Combine:
    """Kleene: a part that is `decisive` (False: all, True: any) decides; else an unknown part leaves it open."""

    def combine(verdicts: Sequence[Verdict]) -> Verdict:
        result: Verdict = not decisive
        for part in parts:
            verdict = part(verdicts)
            if verdict is decisive:
                return decisive
            if verdict is None:
                result = None
        return result

    return combine


def kind_of(form: ConditionForm) -> str:
    """The form's kind: the name of its file."""
    return type(form).__module__.rpartition(".")[2]


@cache
def kinds() -> dict[str, type[ConditionForm]]:
    """Every kind of condition, by its name in YAML: the file `not_reached.py` has the form `NotReached`."""
    from services.rules.core import conditions

    names = sorted(module.name for module in pkgutil.iter_modules(conditions.__path__))
    return {name: getattr(importlib.import_module(f"{conditions.__name__}.{name}"), _class_name(name)) for name in names}


def _class_name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))


def _read(found: object) -> ConditionForm:
    if not isinstance(found, dict) or len(found) != 1:
        raise PydanticCustomError(
            "condition",
            "Input should be one condition: a mapping with a single key, one of {allowed}",
            {"allowed": ", ".join(kinds())},
        )
    ((kind, form),) = found.items()
    if kind not in kinds():
        near = get_close_matches(str(kind), kinds(), n=1)
        raise _at(
            kind,
            PydanticCustomError(
                "condition_kind",
                "There is no condition {found}; allowed are {allowed}",
                {"found": repr(kind), "allowed": ", ".join(kinds()), "nearest": near[0] if near else None},
            ),
            form,
        )
    try:
        return cast(ConditionForm, kinds()[kind].model_validate(form))  # type: ignore[attr-defined]  # every form is a pydantic model
    except ValidationError as error:
        raise ValidationError.from_exception_data(
            kind, [_below(kind, line) for line in error.errors(include_url=False)]
        ) from None


def _at(key: str, error: PydanticCustomError, found: object) -> ValidationError:
    return ValidationError.from_exception_data("condition", [InitErrorDetails(type=error, loc=(key,), input=found)])


def _below(kind: str, line: Any) -> InitErrorDetails:
    """The same error with the kind's key before its place, so that places stay real paths in the YAML."""
    error = PydanticCustomError(line["type"], line["msg"].replace("{", "(").replace("}", ")"), line.get("ctx"))
    return InitErrorDetails(type=error, loc=(kind, *line["loc"]), input=line["input"])


ConditionField = Annotated[Any, BeforeValidator(_read), WithJsonSchema({"$ref": "#/$defs/condition"})]
