"""What was heard of one subject, looked up from the log each time it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.instants import Instant
from shared.records import Event, JsonObject
from tests.oracle.days import read_moment
from tests.oracle.matching import matches


@dataclass(frozen=True)
class Moment:
    """One evaluation: at `t`, of what was `heard` until then, in the log's order; recorded as `at`; of an event or a deadline."""

    t: Instant
    at: Instant
    heard: tuple[Event, ...]
    event: Event | None = None


@dataclass(frozen=True)
class Case:
    """One play for one subject: the account when `value` is None, else that user or value of it."""

    play: JsonObject
    account_id: str
    value: str | None = None
    listening: Mapping[str, Instant] = field(default_factory=dict)
    listening_since: Instant = 0
    # What a file of accounts says: traits, and from when on the account is evaluated.
    row: JsonObject = field(default_factory=dict)
    begins_at: Instant | None = None
    # The subject was forgotten before this event of the account's log.
    forgotten: int = 0

    @property
    def zone(self) -> str:
        """The play's time zone."""
        return str(self.play.get("timezone", "UTC"))

    @property
    def per(self) -> str:
        """account, user or value."""
        per = self.play.get("per", "account")
        return per if isinstance(per, str) else "value"


def below(path: str, content: JsonObject | None) -> Any:
    """The value under a dotted path; None where there is none."""
    value: Any = content
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def belongs(event: Event, case: Case) -> bool:
    """'every FILTER of the play sees the account's events with that value; `per: user` likewise with the event's user'."""
    if case.per == "account":
        return True
    if case.per == "user":
        return event.user_id == case.value
    return bool(below(case.play["per"]["by"].removeprefix("properties."), event.properties) == case.value)


def named(event: Event, of: Any) -> bool:
    """FILTER: 'an event name, or `of:` a name, a list, `ticket.*` or `any`'."""
    if isinstance(of, list):
        return any(named(event, one) for one in of)
    if of == "any":
        return True
    return event.name.startswith(of[:-1]) if of.endswith(".*") else event.name == of


def passes(event: Event, form: Any, case: Case, moment: Moment) -> bool:
    """A FILTER lets an event through: of this subject, of that name, its `where` true ('an unknown `where` does not match').

    It is asked when the event is heard: of the traits of then, and `older_than` looks back from then.
    """
    form = form if isinstance(form, dict) else {"of": form}
    if not (belongs(event, case) and named(event, form["of"])):
        return False
    if "where" not in form:
        return True
    place = next(number for number, one in enumerate(moment.heard, 1) if one is event)
    then = Moment(event.received_at, event.received_at, moment.heard[:place], event)

    def look(path: str) -> Any:
        root, _, rest = path.partition(".")
        return below(rest, event.properties) if root == "properties" else trait(path, case, then)

    return matches(form["where"], look, then.t, case.zone) is True


def own(case: Case, moment: Moment) -> list[Event]:
    """The events heard of this subject since it was last forgotten."""
    return [one for one in moment.heard[case.forgotten :] if belongs(one, case)]


def passing(form: JsonObject, case: Case, moment: Moment) -> list[Event]:
    """All events heard that the FILTER lets through, by `occurred_at`; of equal ones the later in the log comes later."""
    return sorted((one for one in own(case, moment) if passes(one, form, case, moment)), key=lambda one: one.occurred_at or 0)


def trait(path: str, case: Case, moment: Moment) -> Any:
    """What was told last of `account.x` or `user.x`; 'account.id and user.id are always there beside the traits'."""
    root, _, rest = path.partition(".")
    traits: JsonObject = {"id": case.account_id if root == "account" else case.value if case.per == "user" else None}
    if root == "account":
        traits |= case.row
    for event in moment.heard:
        if root == "account":
            traits |= event.traits or {}
        elif case.per == "user" and event.user_id == case.value:
            traits |= event.user_traits or {}
    return below(rest, traits)


def started_at(case: Case, moment: Moment) -> Instant | None:
    """The trait `started_at`; a date is its first instant in UTC, because it is the account's and no play's."""
    return read_moment(trait("account.started_at", case, moment), "UTC")


def subject_start(case: Case, moment: Moment) -> Instant:
    """'Account start is the trait `started_at`, else the `received_at` of its first event; a user's or value's start is the
    account's first event with it, whatever its name.'
    """
    started = started_at(case, moment) if case.per == "account" else None
    return started if started is not None else own(case, moment)[0].received_at


def heard_since(of: Any, case: Case, moment: Moment) -> Instant:
    """'the later of the subject's start and the instant since which we listen to that event name (`events:` in
    `successplays.yaml`; else the log's first record; of several names the latest)'.
    """
    names = of if isinstance(of, list) else [of]
    return max(subject_start(case, moment), *(case.listening.get(name, case.listening_since) for name in names))
