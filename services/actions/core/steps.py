"""The entries of a play's `do`, parsed: what each step says, before any template is rendered.

    do:
      - task: {to: inbox, title: "{{ account.name }}: exports down", assign: account.owner, due: 2 working days}
      - wait: {for: 3d, until: resolved, then: stop}
      - if: {account.mrr: {at_least: 1000}}
        then: [{message: {to: slack-cs, text: "..."}}]
        else: [{email: {to: mail, recipient: account.champion, subject: "...", text: "..."}}]

`wait`: with `until`, `then` says what follows when that has come; when only the time of `for` or `until_date` has passed, the
steps go on.
"""

import difflib
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from services.actions.core.due import check_due
from shared.instants import parse_duration
from shared.matchers import Matchers

MAX_TEMPLATE = 16_384

Text = Annotated[str, Field(max_length=MAX_TEMPLATE)]
Filled = Annotated[str, Field(min_length=1, max_length=MAX_TEMPLATE)]
Destination = Annotated[str, Field(min_length=1, max_length=100)]
Priority = Literal["low", "normal", "high", "urgent"]


def _duration(text: str) -> str:
    parse_duration(text)
    return text


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Task(_Entry):
    """Something that a person is asked to do."""

    kind: ClassVar[str] = "task"

    to: Destination
    title: Filled
    body: Text = ""
    # A trait of the account (account.owner), a person's e-mail address, or a team.
    assign: Filled = "account.owner"
    fallback: Filled | None = None
    priority: Priority = "normal"
    due: Annotated[str, AfterValidator(check_due)] | None = None


class Message(_Entry):
    """A text in a channel."""

    kind: ClassVar[str] = "message"

    to: Destination
    text: Filled


class Email(_Entry):
    """A mail to one address: `recipient` is an address, or the path of a trait that holds one."""

    kind: ClassVar[str] = "email"

    to: Destination
    recipient: Filled
    subject: Filled
    text: Filled
    html: Filled | None = None


class Webhook(_Entry):
    """A request with the run's numbers, and `data` of the author's own; its text values are templates."""

    kind: ClassVar[str] = "webhook"

    to: Destination
    data: dict[str, Any] = {}


class Wait(_Entry):
    """Nothing for a while: a time, a date of the account, or until the run or its tasks have ended."""

    kind: ClassVar[str] = "wait"

    for_: Annotated[str, AfterValidator(_duration)] | None = Field(default=None, alias="for")
    # `account.renewal_date`, or `60d before account.renewal_date`; also `after`.
    until_date: (
        Annotated[str, Field(pattern=r"^([0-9]{1,9}[smhdw] (before|after) )?(account|user|event)(\.[A-Za-z0-9_]+)+$")] | None
    ) = None
    until: Literal["resolved", "done"] | None = None
    then: Literal["continue", "stop"] = "continue"

    @model_validator(mode="after")
    def _waits_for_something(self) -> "Wait":
        if self.for_ is None and self.until_date is None and self.until is None:
            raise PydanticCustomError("wait_for_nothing", "a wait needs for, until_date or until")
        if self.for_ is not None and self.until_date is not None:
            raise PydanticCustomError("wait_for_two", "a wait has for or until_date, not both")
        if self.then == "stop" and self.until is None:
            raise PydanticCustomError("wait_then", "then: stop needs until: without it nothing after the wait would ever go out")
        return self


class Choice(_Entry):
    """`if` is judged when it is reached; a matcher that cannot tell (a missing field) takes `else`."""

    kind: ClassVar[str] = "if"

    if_: Matchers = Field(alias="if")
    then: "list[Step]" = Field(min_length=1)
    else_: "list[Step]" = Field(default=[], alias="else")


Delivered = Task | Message | Email | Webhook
KINDS: dict[str, type[Task | Message | Email | Webhook | Wait]] = {
    model.kind: model for model in (Task, Message, Email, Webhook, Wait)
}
# As mappings of one key, so that the key is part of an error's place.
_BY_KIND: dict[str, TypeAdapter[Any]] = {
    "task": TypeAdapter(dict[str, Task]),
    "message": TypeAdapter(dict[str, Message]),
    "email": TypeAdapter(dict[str, Email]),
    "webhook": TypeAdapter(dict[str, Webhook]),
    "wait": TypeAdapter(dict[str, Wait]),
}


def _parse_step(value: object) -> "Task | Message | Email | Webhook | Wait | Choice":
    if isinstance(value, (Task, Message, Email, Webhook, Wait, Choice)):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "step_type", "a step is a mapping with one of {allowed}", {"allowed": ", ".join([*KINDS, "if"])}
        )
    if "if" in value:
        return Choice.model_validate(value)
    for key in value:
        if key not in KINDS:
            raise _unknown(str(key))
    if len(value) != 1:
        raise PydanticCustomError("step_kinds", "a step says one thing; found {found}", {"found": ", ".join(value) or "nothing"})
    kind = next(iter(value))
    parsed: Task | Message | Email | Webhook | Wait = _BY_KIND[kind].validate_python(value)[kind]
    return parsed


def _unknown(key: str) -> PydanticCustomError:
    near = difflib.get_close_matches(key, [*KINDS, "if"], n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return PydanticCustomError(
        "step_unknown",
        "{found} is not a step: allowed are {allowed}{meant}",
        {"found": key, "allowed": ", ".join([*KINDS, "if"]), "meant": meant},
    )


# A plain validator, so that an error's place is the place in the YAML: (0, "task", "title"), without a tag of the union in it.
Step = Annotated[Task | Message | Email | Webhook | Wait | Choice, PlainValidator(_parse_step)]

Choice.model_rebuild()
_STEPS: TypeAdapter[list[Task | Message | Email | Webhook | Wait | Choice]] = TypeAdapter(list[Step])


def parse_steps(do: object) -> "list[Task | Message | Email | Webhook | Wait | Choice]":
    """The steps of a play's `do`.

    Raises:
        pydantic.ValidationError: every error at once, each with the place in the YAML as its `loc`.
    """
    return _STEPS.validate_python(do)
