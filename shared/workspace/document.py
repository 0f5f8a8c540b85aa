"""What `successplays.yaml` and `people.yaml` say, as models. Unknown keys are refused.

destinations:
  crm:   {kind: hubspot, token: "env:HUBSPOT_TOKEN"}
  hooks: {kind: webhook, url: "https://hooks.acme.example/tasks", secret: "env:HOOK_SECRET"}
sources:
  zendesk: {secret: ["env:ZENDESK_SECRET", "env:ZENDESK_SECRET_OLD"]}
teams:
  enterprise: {members: [ana@acme.example, bo@acme.example], assign: least_loaded}
segments:
  strategic: {account.mrr: {at_least: 5000}, account.plan: enterprise}
events:
  report.exported: {since: 2025-01-01, properties: [format, pages]}
defaults: {timezone: Europe/Berlin, guard: {max_runs: 50 per day, fresh: 6h}, quiet_hours: 20:00-08:00, daily_budget: 15}
"""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from shared.instants import Instant, parse_duration
from shared.matchers import AccountMatchers, moment_of, refusal

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_EVENT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]")
_RUNS_PER = re.compile(r"[0-9]{1,9} per (hour|day|week)")


def _matching(pattern: re.Pattern[str], what: str, code: str, *, key: bool = False) -> AfterValidator:
    """A text of one form; `what` ends the sentence "this should be ..."."""

    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise refusal(code, f"this should be {what}, not {text!r}", found=text, key=key)
        return text

    return AfterValidator(check)


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"there is no time zone {name!r}, write an IANA name such as Europe/Paris"
        raise refusal("timezone", message, found=name, allowed=sorted(available_timezones())) from None
    return name


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


def _check_date(text: str) -> str:
    if moment_of(text, ZoneInfo("UTC")) is None:
        raise refusal("date", f"this should be a date such as 2025-01-01, not {text!r}", found=text)
    return text


def _nothing_is_empty(found: Any) -> Any:
    """A section without entries (`destinations:` alone) is an empty one."""
    return {} if found is None else found


Name = Annotated[str, _matching(_NAME, "a name of lower-case letters, digits, - and _", "name", key=True)]
EventName = Annotated[
    str, _matching(_EVENT, "an event name such as report.exported, lower case and dotted", "event_name", key=True)
]
Email = Annotated[str, _matching(_EMAIL, "an e-mail address", "email")]
EmailKey = Annotated[str, _matching(_EMAIL, "an e-mail address", "email", key=True)]
Hours = Annotated[str, _matching(_HOURS, "hours such as 09:00-17:00", "hours")]
RunsPer = Annotated[str, _matching(_RUNS_PER, "a number of runs such as 50 per day", "max_runs")]
TimeZone = Annotated[str, AfterValidator(_check_timezone)]
Duration = Annotated[str, AfterValidator(_check_duration)]
Date = Annotated[str, AfterValidator(_check_date)]
_Empty = BeforeValidator(_nothing_is_empty)


class Form(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Destination(BaseModel):
    """A configured tool. Everything beside `kind` belongs to that kind's connector, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str


class Source(BaseModel):
    """Where events come from beside our own API. Everything beside `kind` belongs to that kind, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    # Absent: the source's name.
    kind: str | None = None


class Team(Form):
    """People who share work, and who of them gets the next task."""

    members: Annotated[list[Email], Field(min_length=1)]
    assign: Literal["least_loaded", "round_robin"] = "least_loaded"


class CatalogueEntry(Form):
    """An event name that may be used, since when we listen to it, and its properties."""

    since: Date | None = None
    properties: list[str] = []


class Guard(Form):
    """What holds deliveries when far more runs open than usual, or when no events come at all."""

    max_runs: RunsPer | None = None
    fresh: Duration | None = None


class Defaults(Form):
    """What holds where a play or a person says nothing."""

    timezone: TimeZone = "UTC"
    guard: Guard | None = None
    quiet_hours: Hours | None = None
    # Tasks a day for one owner.
    daily_budget: Annotated[int, Field(ge=1, strict=True)] | None = None


class WorkspaceSettings(Form):
    """`successplays.yaml`."""

    destinations: Annotated[dict[Name, Destination], _Empty] = {}
    sources: Annotated[dict[Name, Source], _Empty] = {}
    teams: Annotated[dict[Name, Team], _Empty] = {}
    segments: Annotated[dict[Name, AccountMatchers], _Empty] = {}
    events: Annotated[dict[EventName, Annotated[CatalogueEntry, _Empty]], _Empty] = {}
    defaults: Annotated[Defaults, _Empty] = Defaults()

    def listening(self) -> dict[str, Instant]:
        """Since when each event with a `since` is listened to; a date is its first instant in the default time zone."""
        zone = ZoneInfo(self.defaults.timezone)
        since = {name: moment_of(entry.since, zone) for name, entry in self.events.items()}
        return {name: at for name, at in since.items() if at is not None}


class Absence(Form):
    """Days on which a person works on nothing; both are included."""

    since: Annotated[Date, Field(alias="from")]
    until: Date


class Person(Form):
    """An owner. `ids` says who they are in each destination."""

    name: str | None = None
    roles: list[str] = []
    timezone: TimeZone | None = None
    hours: Hours | None = None
    absence: list[Absence] = []
    ids: dict[Name, str] = {}


class People(RootModel[dict[EmailKey, Annotated[Person, _Empty]]]):
    """`people.yaml`: each person under their e-mail address."""


def document_of(settings: WorkspaceSettings, people: People) -> dict[str, Any]:
    """The whole workspace without its plays as plain JSON: what is stored when it is applied."""
    document = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**document, "people": people.model_dump(mode="json", by_alias=True, exclude_none=True)}
