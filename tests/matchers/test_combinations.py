"""Kleene's three values: unknown counts only where it could make a difference."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instants import DAY
from shared.matchers import Clause, compile_matchers

VALUES = {True: "yes", False: "no", None: None}


def combined(spec: dict[str, object], **truth: bool | None) -> bool | None:
    return compile_matchers(spec).verdict({"account": {name: VALUES[value] for name, value in truth.items()}}, 0)


def smallest(values: tuple[bool | None, ...]) -> bool | None:
    return False if False in values else None if None in values else True


def negated(value: bool | None) -> bool | None:
    return None if value is None else not value


A, B = {"account.a": "yes"}, {"account.b": "yes"}


@pytest.mark.parametrize(("a", "b"), list(product(VALUES, VALUES)))
def test_all_any_and_not_of_every_pair(a: bool | None, b: bool | None) -> None:
    both = smallest((a, b))
    either = negated(smallest((negated(a), negated(b))))
    assert combined({**A, **B}, a=a, b=b) is both
    assert combined({"all": [A, B]}, a=a, b=b) is both
    assert combined({"any": [A, B]}, a=a, b=b) is either
    assert combined({"not": A}, a=a) is negated(a)
    assert combined({"not": {**A, **B}}, a=a, b=b) is negated(both)
    assert combined({"not": {"any": [A, B]}}, a=a, b=b) is negated(either)


def test_a_field_may_have_its_own_combination() -> None:
    plan = compile_matchers({"account.plan": {"any": ["team", {"starts_with": "pro"}]}})
    assert plan.verdict({"account": {"plan": "pro-2026"}}, 0) is True
    assert plan.verdict({"account": {"plan": "free"}}, 0) is False
    assert plan.verdict({"account": {}}, 0) is None
    bounds = compile_matchers({"account.mrr": {"all": [{"above": 1}, {"below": 3}]}})
    assert bounds.verdict({"account": {"mrr": 2}}, 0) is True
    assert bounds.verdict({"account": {"mrr": 3}}, 0) is False


SPEC = {
    "account.plan": "pro",
    "any": [
        {"account.used": {"at_least": "90% of account.seats"}},
        {"not": {"account.stage": {"none_of": ["churned"], "missing": True}}},
    ],
}


def test_paths_name_every_field_that_is_looked_at() -> None:
    assert compile_matchers(SPEC).paths == {"account.plan", "account.used", "account.seats", "account.stage"}


def test_an_explanation_says_clause_by_clause_what_was_found() -> None:
    account = {"plan": "pro", "used": 8, "seats": 10}
    assert compile_matchers(SPEC).explain({"account": account}, 0) == [
        Clause(("account.plan",), "account.plan", {"equals": "pro"}, "pro", True),
        Clause(("any", 0, "account.used", "at_least"), "account.used", {"at_least": "90% of account.seats"}, 8, False),
        Clause(("any", 1, "not", "account.stage", "none_of"), "account.stage", {"none_of": ["churned"]}, None, True),
    ]


def test_unknown_paths_name_what_is_missing_or_of_a_wrong_type() -> None:
    compiled = compile_matchers(SPEC)
    assert compiled.unknown_paths({"account": {"plan": "pro", "used": 8, "seats": 10}}, 0) == ()
    assert compiled.unknown_paths({"account": {"plan": 5, "used": 8}}, 0) == ("account.plan", "account.seats")
    assert compiled.unknown_paths({"account": {"plan": "pro", "used": "8", "seats": 10}}, 0) == ("account.used",)
    assert compiled.unknown_paths({"account": {"plan": "pro"}}, 0) == ("account.seats", "account.used")
    covered = compile_matchers({"account.plan": {"not": "free", "missing": True}})
    assert covered.unknown_paths({"account": {}}, 0) == ()


def test_deadlines_are_the_instants_after_which_an_age_changes() -> None:
    compiled = compile_matchers({"account.a": {"older_than": "30d"}, "any": [{"account.b": {"within": "10d"}}]})
    #   day 0: a     day 25: b     30: a is older     35: b is no longer within
    context = {"account": {"a": 0, "b": 25 * DAY}}
    assert [compiled.next_change(context, t) for t in (0, 25 * DAY)] == [25 * DAY, 30 * DAY]
    assert compiled.next_change(context, 30 * DAY) == 30 * DAY
    assert compiled.next_change(context, 30 * DAY + 1) == 35 * DAY
    assert compiled.next_change(context, 35 * DAY + 1) is None
    assert compiled.next_change({"account": {"a": "soon"}}, 0) is None
    assert compile_matchers(A).next_change({"account": {}}, 0) is None


@given(
    word=st.sampled_from(["older_than", "within"]),
    negate=st.booleans(),
    x=st.integers(-20, 20),
    t=st.integers(-20, 20),
    step=st.integers(1, 60),
)
def test_a_deadline_is_never_late(word: str, negate: bool, x: int, t: int, step: int) -> None:
    """Instants in whole seconds: between `t` and the deadline nothing changes, just after it something may."""
    spec: dict[str, object] = {"account.x": {word: "10s"}}
    compiled = compile_matchers({"not": spec} if negate else spec)
    context, second = {"account": {"x": x * 1_000_000}}, 1_000_000
    deadline = compiled.next_change(context, t * second)
    later = (t + step) * second
    if deadline is None or later < deadline:
        assert compiled.verdict(context, later) is compiled.verdict(context, t * second)
