"""Which step of a run comes next.

A step's path is its place in the play's `do`: `0`, `2`, `2.then.0`. `if` is judged when it is reached and has no delivery of
its own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.actions.core.steps import Choice, Email, Message, Task, Wait, Webhook
from shared.instants import Instant
from shared.matchers import compile_matchers

Context = Mapping[str, Any]
Steps = list[Task | Message | Email | Webhook | Wait | Choice]


class Reached(NamedTuple):
    """A step that is to be carried out now, or waited for."""

    path: str
    step: Task | Message | Email | Webhook | Wait


def next_step(steps: Steps, finished: str | None, context: Context, at: Instant) -> Reached | None:
    """The step after the one at path `finished` (None: the first), or None when the run has no more."""
    if finished is None:
        return _first(steps, 0, "", context, at)
    parts = finished.split(".")
    while parts:
        prefix, index = parts[:-1], int(parts[-1])
        found = _first(_list_at(steps, prefix), index + 1, "".join(f"{part}." for part in prefix), context, at)
        if found is not None:
            return found
        parts = parts[:-2]
    return None


def step_at(steps: Steps, path: str) -> Task | Message | Email | Webhook | Wait:
    """The step at a path.

    Raises:
        LookupError: there is none.
    """
    *prefix, index = path.split(".")
    step = _list_at(steps, prefix)[int(index)]
    if isinstance(step, Choice):
        raise LookupError(f"{path} is an if")  # noqa: TRY004 - the path is wrong, not a type
    return step


def waited_for_the_end(steps: Steps, path: str) -> bool:
    """Whether the step at `path` is, or comes after, a wait that goes on when its run has resolved."""
    parts = path.split(".")
    while parts:
        before = _list_at(steps, parts[:-1])[: int(parts[-1]) + 1]
        if any(isinstance(step, Wait) and step.until == "resolved" and step.then == "continue" for step in before):
            return True
        parts = parts[:-2]
    return False


def _first(steps: Steps, index: int, prefix: str, context: Context, at: Instant) -> Reached | None:
    for position in range(index, len(steps)):
        step, path = steps[position], f"{prefix}{position}"
        if not isinstance(step, Choice):
            return Reached(path, step)
        branch = "then" if compile_matchers(step.if_).verdict(context, at) is True else "else"
        found = _first(_branch(step, branch), 0, f"{path}.{branch}.", context, at)
        if found is not None:
            return found
    return None


def _list_at(steps: Steps, prefix: list[str]) -> Steps:
    for position in range(0, len(prefix), 2):
        choice = steps[int(prefix[position])]
        if not isinstance(choice, Choice):
            raise LookupError(f"{'.'.join(prefix)} is not a branch")  # noqa: TRY004 - the path is wrong, not a type
        steps = _branch(choice, prefix[position + 1])
    return steps


def _branch(choice: Choice, name: str) -> Steps:
    return choice.then if name == "then" else choice.else_
