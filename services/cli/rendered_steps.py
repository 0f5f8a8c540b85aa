"""The steps of a run as they would have gone out, without sending anything: for `plays backtest --runs`.

Each is `{step, kind, ...}`: its place in the play's `do`, its kind, where it goes, and what a person would have read there. A
step whose template fails has `error` instead. Waits pass at once; what is due after a `wait: {for: ...}` counts from its end.
"""

from dataclasses import asdict
from typing import Any

from services.actions.core.progress import next_step
from services.actions.core.steps import Wait, parse_steps
from services.actions.rendering import People, context_of, render_step
from services.actions.templates import TemplateFailed
from shared.instants import Instant, parse_duration, show_instant
from shared.records import JsonObject, RunOpened


def people_of(workspace: JsonObject) -> People:
    """Whom templates and assignments can name, from a checked workspace."""
    timezone = str((workspace.get("defaults") or {}).get("timezone") or "UTC")
    return People(workspace.get("people") or {}, workspace.get("teams") or {}, timezone)


def rendered_steps(run: RunOpened, people: People) -> list[dict[str, Any]]:
    """Every step that the run reaches, in order."""
    steps = parse_steps(run.steps)
    context = context_of(run, people)
    shown: list[dict[str, Any]] = []
    at = run.opened_at
    reached = next_step(steps, None, context, at)
    while reached is not None:
        path, step = reached
        if isinstance(step, Wait):
            shown.append({"step": path, "kind": step.kind, **step.model_dump(by_alias=True, exclude_none=True)})
            at += 0 if step.for_ is None else parse_duration(step.for_)
        else:
            shown.append({"step": path, "kind": step.kind, "to": step.to, **_rendered(step, context, people, at)})
        reached = next_step(steps, path, context, at)
    return shown


def _rendered(step: Any, context: dict[str, Any], people: People, at: Instant) -> dict[str, Any]:
    try:
        rendered = asdict(render_step(step, context, people, at))
    except TemplateFailed as failed:
        return {"error": str(failed)}
    if rendered.get("due_at") is not None:
        rendered["due_at"] = show_instant(rendered["due_at"])
    return rendered
