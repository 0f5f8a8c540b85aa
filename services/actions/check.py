"""What `successplays plays check` asks of steps and destinations, before anything is applied.

check_steps(do, {"crm": {"kind": "hubspot", ...}})      [((0, "task", "to"), "...")]: the place in `do`, and what is wrong there
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from services.actions.connectors.contract import connectors
from services.actions.core.steps import Choice, Email, Message, Task, Wait, Webhook, parse_steps
from services.actions.templates import ROOTS, TemplateFailed, unknown_paths
from services.actions.workspace import INBOX

Place = tuple[str | int, ...]
Found = list[tuple[Place, str]]

_TEMPLATES = {"task": ("title", "body"), "message": ("text",), "email": ("recipient", "subject", "text", "html")}


def check_steps(do: list[Any], destinations: Mapping[str, Mapping[str, Any]]) -> Found:
    """Everything that is wrong in a play's `do`, as (place, message); the places are those of the YAML."""
    try:
        steps = parse_steps(do)
    except ValidationError as error:
        return _problems(error)
    return list(_in_steps(steps, (), {INBOX: {"kind": INBOX}, **destinations}))


def check_destination(name: str, settings: Mapping[str, Any]) -> Found:
    """Everything that is wrong with one destination of successplays.yaml; its secrets are not looked up."""
    if name == INBOX:
        return [((), "inbox always exists and has no settings")]
    kind = settings.get("kind")
    connector = connectors().get(str(kind))
    if connector is None or kind == INBOX:
        return [(("kind",), _unknown("kind of destination", str(kind), set(connectors()) - {INBOX}))]
    try:
        parsed = connector.settings.model_validate(dict(settings))
    except ValidationError as error:
        return _problems(error)
    return [(place, message) for place, message in parsed.problems()]


def _problems(error: ValidationError) -> Found:
    return [(tuple(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors(include_url=False)]


def _in_steps(steps: list[Any], place: Place, destinations: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[Place, str]]:
    for index, step in enumerate(steps):
        here = (*place, index)
        if isinstance(step, Choice):
            yield from _in_steps(step.then, (*here, "then"), destinations)
            yield from _in_steps(step.else_, (*here, "else"), destinations)
        elif not isinstance(step, Wait):
            yield from _in_step(step, (*here, step.kind), destinations)


def _in_step(
    step: Task | Message | Email | Webhook, place: Place, destinations: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[Place, str]]:
    settings = destinations.get(step.to)
    if settings is None:
        yield (*place, "to"), _unknown("destination", step.to, destinations)
    elif (connector := connectors().get(str(settings.get("kind")))) is not None and step.kind not in connector.accepts:
        takes = ", ".join(sorted(connector.accepts))
        yield (*place, "to"), f"destination {step.to} is of kind {connector.kind}, which takes {takes}, but no {step.kind}"
    for where, template in _templates(step):
        try:
            unknown = unknown_paths(template)
        except TemplateFailed as failed:
            yield (*place, *where), f"the template cannot be read: {failed}"
            continue
        for path in unknown:
            yield (*place, *where), f"{path} is never there: a template sees {', '.join(sorted(ROOTS))}"


def _templates(step: Task | Message | Email | Webhook) -> Iterable[tuple[Place, str]]:
    if isinstance(step, Webhook):
        yield from _texts(step.data, ("data",))
        return
    for name in _TEMPLATES[step.kind]:
        template = getattr(step, name)
        if template is not None:
            yield (name,), template


def _texts(value: Any, place: Place) -> Iterable[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*place, index))


def _unknown(what: str, found: str, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    near = difflib.get_close_matches(found, names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"there is no {what} {found!r}: there are {', '.join(names)}{meant}"
