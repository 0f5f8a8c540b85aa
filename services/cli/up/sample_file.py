"""`sample.yaml`: the recent past of a few accounts, told from its end; and the events that it means, at a given instant.

    accounts:
      northwind:
        traits: {name: Northwind Freight, plan: enterprise}
        dates: {started_at: 400d ago, renewal_date: in 60d}
        users: {nora: {name: Nora Lind, email: nora@northwind.example}}
        events:
          - {name: report.exported, users: [nora], each: 6h, from: 90d, until: 7d, properties: {format: pdf}}
          - {name: ticket.created, users: [nora], ago: 2d, properties: {priority: urgent}}

The same file and instant give the same events, with the same ids, in the same order.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from services.cli.failures import Found
from shared.instants import MINUTE, Instant, Microseconds, parse_duration, show_instant
from shared.records import JsonObject
from shared.workspace.problems import problems_of, render
from shared.workspace.yaml import read_yaml

FILE = "sample.yaml"

_FROM_NOW = re.compile(r"(?:in (\w+)|(\w+) ago)")


def _duration(found: object) -> object:
    return parse_duration(found) if isinstance(found, str) else found


def _check_from_now(text: str) -> str:
    from_now(text, 0)
    return text


Duration = Annotated[Microseconds, BeforeValidator(_duration)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Happening(_Form):
    """One event `ago`, or one `each` so long, `from` so long ago `until` so long ago. `users` take turns."""

    name: str
    users: Annotated[list[str], Field(min_length=1)]
    ago: Duration | None = None
    each: Annotated[Duration, Field(gt=0)] | None = None
    begin: Annotated[Duration | None, Field(alias="from")] = None
    until: Duration = 0
    properties: JsonObject = {}

    @model_validator(mode="after")
    def _once_or_often(self) -> Self:
        if (self.ago is None) == (self.each is None or self.begin is None):
            raise ValueError("an event happened once (ago) or often (each and from)")
        return self

    def times(self, chance: str, now: Instant) -> Iterator[Instant]:
        """When it happened; `chance` shifts each time by up to a third of the distance, always the same."""
        if self.ago is not None:
            yield now - self.ago
            return
        each, begin = self.each or 0, self.begin or 0
        for number in range((begin - self.until) // each):
            shift = zlib.crc32(f"{chance}/{number}".encode()) % (each // 3)
            yield now - begin + number * each + shift


class SampleAccount(_Form):
    """An account: its traits, those that are dates told from the end, its users, and what happened."""

    traits: JsonObject = {}
    dates: dict[str, Annotated[str, AfterValidator(_check_from_now)]] = {}
    users: dict[str, JsonObject] = {}
    events: Annotated[list[Happening], Field(min_length=1)]


class SampleFile(_Form):
    """All of it."""

    accounts: Annotated[dict[str, SampleAccount], Field(min_length=1)]


def read_sample(text: str) -> SampleFile:
    """Raises Found: what is wrong with the file, and where."""
    document = read_yaml(text, FILE)
    problems = document.problems
    if not problems:
        try:
            return SampleFile.model_validate(document.data)
        except ValidationError as error:
            problems = problems_of(error, document.positions, FILE)
    raise Found(render(problems, {FILE: text}))


def from_now(text: str, now: Instant) -> Instant:
    """`in 60d` and `400d ago` as instants.

    Raises:
        ValueError: it is neither.
    """
    found = _FROM_NOW.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date told from the end: write `in 60d` or `400d ago`")
    return now + parse_duration(found[1]) if found[1] else now - parse_duration(found[2])


def events_of(sample: SampleFile, now: Instant) -> list[JsonObject]:
    """What the sample's events are at `now`, as they are posted to `/v1/events`, in the order in which they happened."""
    events = [event for name, account in sample.accounts.items() for event in _of_account(name, account, now)]
    return [item for _, item in sorted(events, key=lambda event: (event[0], event[1]["id"]))]


def _of_account(name: str, account: SampleAccount, now: Instant) -> list[tuple[Instant, JsonObject]]:
    happened = [
        (at, _item(f"{name}-{place}-{number}", at, name, one, number))
        for place, one in enumerate(account.events)
        for number, at in enumerate(one.times(f"{name}/{place}", now))
    ]
    first = min(at for at, _ in happened)
    traits = account.traits | {trait: show_instant(from_now(text, now))[:10] for trait, text in account.dates.items()}
    told: list[tuple[Instant, JsonObject]] = [(first - MINUTE, {"name": "account.updated", "traits": traits})]
    told += [
        (first - MINUTE, {"name": "user.updated", "user_id": user, "user_traits": given}) for user, given in account.users.items()
    ]
    known = [
        (at, {"id": f"sample-{name}-known-{number}", "account_id": name, **_times(at), **item})
        for number, (at, item) in enumerate(told)
    ]
    return known + happened


def _item(identity: str, at: Instant, account: str, one: Happening, number: int) -> JsonObject:
    item: dict[str, Any] = {"id": f"sample-{identity}", "name": one.name, "account_id": account}
    item["user_id"] = one.users[number % len(one.users)]
    if one.properties:
        item["properties"] = one.properties
    return item | _times(at)


def _times(at: Instant) -> JsonObject:
    # Heard when it happened: the log is open for replay.
    return {"occurred_at": show_instant(at), "received_at": show_instant(at)}
