"""What is wrong with a workspace: one problem, one place, and what to write instead. As text with a caret, and as JSON."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.matchers import nearest
from shared.matchers.refusal import advice, show
from shared.workspace.positions import Loc, Positions

# Says which keys are allowed at a place; empty when that is not known.
AllowedKeys = Callable[[Loc], Sequence[str]]

_QUOTED = re.compile(r"'([^']*)'")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# pydantic's words for what YAML calls otherwise.
_NEEDED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_SHOWN_WIDTH = 160


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """Something to change in a file. Lines and columns count from 1; `message` is a whole sentence without the place."""

    file: str
    line: int
    column: int
    message: str
    found: str | None = None
    allowed: tuple[str, ...] = ()
    nearest: str | None = None
    code: str = "value"


def problem_at(
    positions: Positions,
    file: str,
    loc: Loc,
    message: str,
    *,
    found: object = None,
    allowed: Iterable[str] = (),
    key: bool = False,
    code: str = "value",
) -> Problem:
    """A problem at a place in the document; what to write instead is added to the message."""
    options = tuple(allowed)
    near = nearest(found, options)
    line, column = positions.key(loc) if key else positions.value(loc)
    shown = None if found is None else show(found)
    return Problem(file, line, column, message + advice(near, list(options)), shown, options, near, code)


def problems_of(
    error: ValidationError, positions: Positions, file: str, allowed_keys: AllowedKeys = lambda _loc: (), below: Loc = ()
) -> list[Problem]:
    """Each error of a model, at its place in the YAML; several about one value (the branches of a union) become one.

    `below` is where in the file the model's own document begins.
    """
    problems: dict[Loc, list[Problem]] = {}
    for details in error.errors(include_url=False):
        details["loc"] = (*below, *details["loc"])
        problem = _problem_of(details, positions, file, lambda loc: allowed_keys(loc[len(below) :]))
        place = positions.descend(details["loc"])
        branch = len(place) < len(details["loc"]) and details["type"] != "missing"
        before = problems.setdefault(place, [])
        if branch and before:
            before[-1] = _either(before[-1], problem)
        else:
            before.append(problem)
    return [problem for several in problems.values() for problem in several]


def _either(first: Problem, second: Problem) -> Problem:
    if first.nearest is not None or second.message in first.message:
        return first
    return replace(first, message=f"{first.message}; or {second.message}")


def _problem_of(details: ErrorDetails, positions: Positions, file: str, allowed_keys: AllowedKeys) -> Problem:
    loc, kind, context = details["loc"], details["type"], details.get("ctx") or {}
    if kind == "extra_forbidden":
        word = str(loc[-1])
        options = allowed_keys(loc[:-1])
        return problem_at(
            positions, file, loc, f"unknown key {word!r}", found=word, allowed=options, key=True, code="unknown_key"
        )
    if kind == "missing":
        message = f"{loc[-1]} is missing here"
        return problem_at(positions, file, loc, message, allowed=(), key=True, code="missing")
    options, found = _options(context), _found(details, context)
    at_key = bool(context.get("key")) or (bool(loc) and found == loc[-1])
    line, column = positions.key(loc) if at_key else positions.value(loc)
    near = context.get("nearest") or nearest(found, options)
    return Problem(file, line, column, _message(details, found, near, options), found, options, near, kind)


def _found(details: ErrorDetails, context: dict[str, Any]) -> str:
    found = context.get("found")
    return found.strip("'") if isinstance(found, str) else show(details["input"])


def _options(context: dict[str, Any]) -> tuple[str, ...]:
    """The allowed words, as pydantic or a validator of ours gives them."""
    for name in ("allowed", "expected", "expected_tags"):
        given = context.get(name)
        if isinstance(given, list | tuple):
            return tuple(str(one) for one in given)
        if isinstance(given, str):
            return tuple(_QUOTED.findall(given)) or tuple(word.strip() for word in given.split(","))
    return ()


def _message(details: ErrorDetails, found: str, near: str | None, options: tuple[str, ...]) -> str:
    """The validator's own sentence, with what was found and what is near where it does not say so itself."""
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("literal_error", "union_tag_invalid", "enum"):
        return f"unknown value {found!r}{advice(near, list(options))}"
    if details["type"] in _NEEDED:
        return f"{_NEEDED[details['type']]} is needed, not {found}"
    if message.startswith("Input should"):
        message = f"this{message.removeprefix('Input')}, not {found}"
    if near is not None and "did you mean" not in message:
        message += f"; did you mean {near}?"
    return message


def render(problems: Iterable[Problem], files: Mapping[str, str]) -> str:
    """The problems for people: place and message, then the line of the file with a caret below the place."""
    return "\n\n".join(_render(problem, files.get(problem.file, "")) for problem in problems)


def _render(problem: Problem, source: str) -> str:
    heading = f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"
    margin = f"{problem.line:>5} | "
    below = " " * (len(margin) - 2)
    lines = source.splitlines()
    shown = [heading]
    if 0 < problem.line <= len(lines):
        text = _CONTROL.sub(" ", lines[problem.line - 1].replace("\t", " "))
        start = max(0, problem.column - _SHOWN_WIDTH // 2)
        indent = problem.column - 1 - start
        text = text[start : start + _SHOWN_WIDTH]
        found = problem.found or ""
        width = len(found) if found and text[indent:].startswith(found) else 1
        shown += [margin + text, f"{below}| {' ' * indent}{'^' * width}"]
    if problem.allowed and "allowed" not in problem.message:
        shown.append(f"{below}= allowed: {shorten(', '.join(problem.allowed), _SHOWN_WIDTH, placeholder=' …')}")
    return "\n".join(shown)
