"""What is wrong is said all at once, at its place, with what was found, what is allowed and the nearest word."""

from time import process_time
from typing import Annotated, Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from shared.matchers import AccountMatchers, EventMatchers, MatchersOver, compile_matchers, nearest


class Form(BaseModel):
    audience: AccountMatchers | None = None
    where: EventMatchers | None = None
    only_runs: Annotated[dict[str, Any], MatchersOver("run")] | None = None


GOOD: list[Any] = [
    {"account.plan": "pro"},
    {"any": [{"account.x": {"at_least": 5, "missing": True}}]},
    {"account.x": {"not": "a"}},
]
BAD: list[Any] = [{"plan": "pro"}, {"account.x": {"atleast": 5}}, {}, {"properties.x": 1}]


def wrong(spec: object) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"audience": spec})
    return {error["loc"][1:]: error["msg"] for error in caught.value.errors()}


def test_everything_wrong_at_once() -> None:
    places = wrong(
        {
            "account.plan": {"atleast": 3, "at_least": "many", "missing": 1},
            "any": [{"account.a": None}, {"account.b": {"between": [3, 1], "matches": "(a+)+"}}],
            "not": {"account.c": ["x", ["y"]]},
        }
    )
    assert set(places) == {
        ("account.plan", "atleast"),
        ("account.plan", "at_least"),
        ("account.plan", "missing"),
        ("any", 0, "account.a"),
        ("any", 1, "account.b", "between"),
        ("any", 1, "account.b", "matches"),
        ("not", "account.c", 1),
    }


def test_the_nearest_word_and_all_allowed_ones_are_in_the_errors_context() -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"audience": {"account.plan": {"At-Least": 3}}})
    context = caught.value.errors()[0]["ctx"]
    assert (context["found"], context["nearest"], context["key"]) == ("At-Least", "at_least", True)
    assert {"equals", "one_of", "within", "missing", "not"} <= set(context["allowed"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"plan": "pro"}, "'plan' is not a field: write account.plan or user.plan"),
        ({"acount.plan": "pro"}, "there is no 'acount' here; did you mean account.plan?"),
        ({"properties.plan": "pro"}, "there is no 'properties' here"),
        ({"at_least": 5}, "at_least stands under a field"),
        ({"account.": "pro"}, "is not a field"),
        ({"account. x": "pro"}, "is not a field"),
        ({5: "pro"}, "a field is written as a path of text"),
        ({}, "write a mapping from fields to matchers"),
        ([], "write a mapping from fields to matchers"),
        ({"any": []}, "any takes a list"),
        ({"all": {"account.x": 1}}, "all takes a list"),
        ({"not": [1]}, "write a mapping"),
        ({"account.x": {}}, "write a value, a list of values, or a mapping of"),
        ({"account.x": []}, "not an empty list"),
        ({"account.x": {"equals": None}}, "write exists: true or exists: false"),
        ({"account.x": {"missing": True}}, "missing stands beside a matcher"),
        ({"account.x": {"at_least": True}}, "a number, a date, 40% or 40% of account.seats is needed, not true"),
        ({"account.x": {"at_least": "50% of seats"}}, "'seats' is not a field"),
        ({"account.x": {"at_least": float("inf")}}, "finite"),
        ({"account.x": {"between": [1]}}, "a list of two bounds"),
        ({"account.x": {"between": [1, "2026-01-01"]}}, "not one of each"),
        ({"account.x": {"contains": []}}, "not an empty list"),
        ({"account.x": {"contains": ""}}, "not an empty text"),
        ({"account.x": {"starts_with": 5}}, "a text is needed, not 5"),
        ({"account.x": {"exists": "yes"}}, "true or false is needed, not yes"),
        ({"account.x": {"older_than": 30}}, "'30' is not a duration"),
        ({"account.x": {"within": "30 days"}}, "'30 days' is not a duration"),
        ({"account.x": {"within": "36501d"}}, "more than 36500d"),
        ({"account.x": {"matches": "("}}, "not a regular expression"),
    ],
)
def test_each_message_says_what_to_write(spec: object, message: str) -> None:
    assert any(message in text for text in wrong(spec).values())


def test_roots_depend_on_where_the_matchers_stand() -> None:
    Form.model_validate({"where": {"properties.score": 5, "event.name": "nps.answered", "account.plan": "pro"}})
    Form.model_validate({"only_runs": {"run.arm": "run"}})
    with pytest.raises(ValidationError):
        Form.model_validate({"only_runs": {"account.plan": "pro"}})


def test_the_value_stays_the_mapping_that_was_written() -> None:
    spec = {"account.plan": ["pro"], "account.x": {"at_least": "90% of account.seats", "missing": False}}
    form = Form(audience=spec)
    assert form.model_dump()["audience"] == spec
    assert Form.model_validate(form.model_dump()) == form


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+", "a repeat or a choice inside a repeat"),
        ("(a|ab)*", "a repeat or a choice inside a repeat"),
        ("(x?){5}", "a repeat or a choice inside a repeat"),
        ("a*b*c*d", "too many repeats"),
        ("a?" * 30, "too many repeats"),
        ("(aa|b)" * 30, "too many repeats"),
        (r"(.)\1", "looking around or back"),
        ("(?=a)b", "looking around or back"),
        ("(?<!a)b", "looking around or back"),
        ("a" * 201, "at most 200 characters"),
    ],
)
def test_expressions_whose_time_has_no_bound_are_refused(pattern: str, why: str) -> None:
    assert why in wrong({"account.x": {"matches": pattern}})["account.x", "matches"]


@pytest.mark.parametrize("pattern", ["^foo.*bar$", "(?i)refund|cancel", "[a-z]+@[a-z.]+", r"(ab){2,4}", r"colou?r", r"\d{3,}"])
def test_everyday_expressions_are_taken(pattern: str) -> None:
    compile_matchers({"account.x": {"matches": pattern}})


@pytest.mark.parametrize(("pattern", "text"), [("x*x*y", "x" * 500), (".*.*y", "x" * 500), ("(x|xx|xxx)x*x*y", "x" * 500)])
def test_the_worst_that_is_taken_ends_soon(pattern: str, text: str) -> None:
    compiled = compile_matchers({"account.x": {"matches": pattern}})
    began = process_time()
    assert compiled.verdict({"account": {"x": text * 10}}, 0) is False
    assert process_time() - began < 5


def test_the_json_schema_takes_what_reading_takes() -> None:
    schema = Form.model_json_schema()
    for spec in GOOD:
        jsonschema.validate({"audience": spec}, schema)
    for spec in BAD:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"audience": spec}, schema)


def test_nearest() -> None:
    assert nearest("hubspt", ["hubspot", "slack"]) == "hubspot"
    assert nearest("Hold", ["hold", "when"]) == "hold"
    assert nearest("zzz", ["hold", "when"]) is None
    assert nearest(5, ["hold"]) is None
