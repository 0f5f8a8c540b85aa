"""What people and programs are told: place, message, found, allowed, nearest; a line with a caret."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.workspace.allowed import keys_at
from shared.workspace.problems import Problem, problems_of, render
from shared.workspace.yaml import read_yaml


class Task(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["task"] = "task"
    title: str
    priority: Literal["low", "high"] = "low"


class Silence(BaseModel):
    model_config = ConfigDict(extra="forbid")

    of: str | list[str]
    for_: Annotated[str, Field(alias="for", pattern="^[0-9]+d$")]


class Tiny(BaseModel):
    model_config = ConfigDict(extra="forbid")

    play: str
    when: Any = None
    do: list[dict[str, Task]] = []
    bounds: dict[str, float] = {}


def problems(text: str, model: type[BaseModel] = Tiny) -> list[Problem]:
    document = read_yaml(text, "f.yaml")
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document.data)
    return problems_of(caught.value, document.positions, "f.yaml", lambda loc: keys_at(model, loc, {"silence": Silence}))


def test_an_unknown_key_points_at_the_key_and_names_the_nearest() -> None:
    (problem,) = problems("play: x\ndo:\n  - task: {title: a, priorty: low}\n")
    assert (problem.line, problem.column, problem.found, problem.nearest) == (3, 22, "priorty", "priority")
    assert problem.allowed == ("kind", "title", "priority")
    assert problem.message == "unknown key 'priorty'; did you mean priority?"


def test_an_unknown_value_points_at_the_value() -> None:
    (problem,) = problems("play: x\ndo: [{task: {title: a, priority: hihg}}]")
    assert (problem.line, problem.column, problem.nearest, problem.allowed) == (2, 34, "high", ("low", "high"))


def test_what_is_missing_points_at_what_it_is_missing_in() -> None:
    (problem,) = problems("play: x\ndo:\n  - task: {}\n")
    assert (problem.line, problem.column, problem.message) == (3, 5, "title is missing here")


def test_a_wrong_type_says_what_is_needed_and_what_was_found() -> None:
    first, second = problems("play: [a]\nbounds: {a: high}")
    assert first.message == "a text is needed, not a list"
    assert second.message.endswith("not high")


def test_branches_of_a_union_are_one_problem() -> None:
    (problem,) = problems("of: 5\nfor: 1d", Silence)
    assert (problem.line, problem.column) == (1, 5)
    assert problem.message == "a text is needed, not 5; or a list is needed, not 5"


def test_keys_are_found_where_the_annotation_knows_nothing() -> None:
    assert keys_at(Tiny, (), {}) == ["play", "when", "do", "bounds"]
    assert keys_at(Tiny, ("do", 0, "task"), {}) == ["kind", "title", "priority"]
    assert keys_at(Tiny, ("when", "silence"), {"silence": Silence}) == ["of", "for"]
    assert keys_at(Tiny, ("when", "silence"), {}) == []


def test_people_see_the_line_and_a_caret() -> None:
    text = "play: x\nhodl: 3d\n"
    (problem,) = problems(text)
    assert render([problem], {"f.yaml": text}).splitlines() == [
        "f.yaml:2:1: unknown key 'hodl'; allowed: play, when, do, bounds",
        "    2 | hodl: 3d",
        "      | ^^^^",
    ]


def test_people_see_what_is_allowed_below_the_nearest() -> None:
    text = "play: x\nwehn: 3d\n"
    assert render(problems(text), {"f.yaml": text}).splitlines() == [
        "f.yaml:2:1: unknown key 'wehn'; did you mean when?",
        "    2 | wehn: 3d",
        "      | ^^^^",
        "      = allowed: play, when, do, bounds",
    ]


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "a: " + "x" * 500 + "here" + "y" * 500
    shown = render([Problem("f.yaml", 1, 504, "wrong", "here")], {"f.yaml": text})
    line, caret = shown.splitlines()[1:]
    assert len(line) < 180
    assert line[caret.index("^") : caret.rindex("^") + 1] == "here"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in render([Problem("f.yaml", 1, 1, "wrong")], {"f.yaml": "a: \x1b[31mred"})


def test_a_problem_of_no_line_is_its_message() -> None:
    assert render([Problem("gone.yaml", 1, 1, "wrong")], {}) == "gone.yaml:1:1: wrong"


def test_programs_get_every_field() -> None:
    (problem,) = problems("play: x\nplya: y")
    assert msgspec.json.decode(msgspec.json.encode(problem)) == {
        "file": "f.yaml",
        "line": 2,
        "column": 1,
        "message": "unknown key 'plya'; did you mean play?",
        "found": "plya",
        "allowed": ["play", "when", "do", "bounds"],
        "nearest": "play",
        "code": "unknown_key",
    }
