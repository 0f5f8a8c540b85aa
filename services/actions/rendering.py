"""From a step of a play and the record of its run to what a person or a tool gets to see.

Rendering the same step of the same run gives the same bytes every time, so that a second try says exactly what the first one
said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.actions.core.due import due_at
from services.actions.core.steps import Email, Message, Task, Webhook
from services.actions.templates import TemplateFailed, render
from shared.instants import Instant, show_instant
from shared.records import JsonObject, RunOpened

_PATH = re.compile(r"(account|user|owner|event)(\.[A-Za-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class People:
    """What the workspace knows of its people: entries of people.yaml by e-mail or id, teams by name, and the defaults."""

    people: Mapping[str, JsonObject] = field(default_factory=dict)
    teams: Mapping[str, JsonObject] = field(default_factory=dict)
    timezone: str = "UTC"

    def id_in(self, destination: str, person: str | None) -> str | None:
        """What a person is called in a destination."""
        ids = self.people.get(person or "", {}).get("ids") or {}
        return ids.get(destination)


@dataclass(frozen=True, slots=True)
class RenderedTask:
    """A task: `assigned_because` says why it is the assignee's."""

    title: str
    body: str
    assignee: str | None
    assigned_because: str
    priority: str
    due_at: Instant | None


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message to a channel."""

    text: str


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A mail; `html` is None when the author gave only text."""

    recipient: str
    subject: str
    text: str
    html: str | None


@dataclass(frozen=True, slots=True)
class RenderedWebhook:
    """The author's own data, its templates rendered."""

    data: JsonObject


Rendered = RenderedTask | RenderedMessage | RenderedEmail | RenderedWebhook


def context_of(run: RunOpened, people: People) -> dict[str, Any]:
    """What templates, matchers and paths of a run's steps see."""
    context: dict[str, Any] = {
        "account": {"id": run.account_id, **run.account},
        "evidence": run.evidence,
        "run": {
            "id": run.run_id,
            "play": run.play,
            "version": run.version,
            "account_id": run.account_id,
            "user_id": run.user_id,
            "subject": run.subject,
            "opened_at": show_instant(run.opened_at),
            "title": run.title,
            "per": run.per,
        },
        "play": {"name": run.play, "title": run.title or run.play, "version": run.version},
    }
    if run.user is not None:
        context["user"] = {"id": run.user_id, **run.user}
    if run.event is not None:
        context["event"] = run.event
    owner = run.account.get("owner")
    if owner is not None:
        known = people.people.get(str(owner), {})
        context["owner"] = {"id": owner, **({"email": owner} if "@" in str(owner) else {}), **known}
    return context


def render_step(step: Task | Message | Email | Webhook, context: Mapping[str, Any], people: People, reached: Instant) -> Rendered:
    """The step as it goes out; `reached` is when its turn came, from which `due` counts.

    Raises:
        TemplateFailed: a template fails, or renders to nothing where something is needed.
    """
    if isinstance(step, Task):
        return _task(step, context, people, reached)
    if isinstance(step, Message):
        return RenderedMessage(_filled("text", step.text, context))
    if isinstance(step, Email):
        html = None if step.html is None else _field("html", step.html, context, html=True)
        subject = _line(_filled("subject", step.subject, context))
        return RenderedEmail(_recipient(step.recipient, context), subject, _filled("text", step.text, context), html)
    return RenderedWebhook({name: _value(f"data.{name}", value, context) for name, value in step.data.items()})


def facts(evidence: JsonObject) -> list[tuple[str, str]]:
    """The evidence as short lines for people: the numbers and words at its first level."""
    shown = []
    for name, value in evidence.items():
        if isinstance(value, bool):
            shown.append((name, "yes" if value else "no"))
        elif isinstance(value, float) and value == int(value):
            shown.append((name, str(int(value))))
        elif isinstance(value, (str, int, float)):
            shown.append((name, str(value)))
        elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
            shown.append((name, ", ".join(value)))
    return shown


def _task(step: Task, context: Mapping[str, Any], people: People, reached: Instant) -> RenderedTask:
    assignee, because = assign(step, context, people)
    known = people.people.get(assignee or "", {})
    timezone = str(known.get("timezone") or people.timezone)
    return RenderedTask(
        title=_line(_filled("title", step.title, context)),
        body=_field("body", step.body, context),
        assignee=assignee,
        assigned_because=because,
        priority=step.priority,
        due_at=None if step.due is None else due_at(step.due, reached, timezone),
    )


def assign(step: Task, context: Mapping[str, Any], people: People) -> tuple[str | None, str]:
    """Whose a task is, and why: a trait of the account, a person, a team, else the fallback."""
    if step.assign in people.teams:
        return step.assign, f"team {step.assign}"
    if _PATH.fullmatch(step.assign) is None:
        return step.assign, "named by the play"
    found = _look_up(step.assign, context)
    if isinstance(found, (str, int)) and not isinstance(found, bool) and found != "":
        return str(found), step.assign
    if step.fallback is not None:
        return step.fallback, f"fallback: {step.assign} is missing"
    return None, f"nobody: {step.assign} is missing"


def _recipient(text: str, context: Mapping[str, Any]) -> str:
    if _PATH.fullmatch(text) is None:
        return _line(_filled("recipient", text, context))
    found = _look_up(text, context)
    if not isinstance(found, str) or not found:
        raise TemplateFailed(f"recipient: {text} is missing")
    return found


def _look_up(path: str, context: Mapping[str, Any]) -> object:
    value: Any = context
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value(name: str, value: object, context: Mapping[str, Any]) -> object:
    if isinstance(value, str):
        return _field(name, value, context)
    if isinstance(value, dict):
        return {key: _value(f"{name}.{key}", entry, context) for key, entry in value.items()}
    if isinstance(value, list):
        return [_value(f"{name}.{index}", entry, context) for index, entry in enumerate(value)]
    return value


def _field(name: str, template: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    try:
        return render(template, context, html=html)
    except TemplateFailed as failed:
        raise TemplateFailed(f"{name}: {failed}") from failed


def _filled(name: str, template: str, context: Mapping[str, Any]) -> str:
    text = _field(name, template, context)
    if not text.strip():
        raise TemplateFailed(f"{name}: it renders to nothing")
    return text


def _line(text: str) -> str:
    return " ".join(text.split())
