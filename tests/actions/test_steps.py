import pytest
from pydantic import ValidationError

from services.actions.core.due import due_at
from services.actions.core.progress import next_step, step_at, waited_for_the_end
from services.actions.core.steps import Email, Task, Wait, parse_steps
from services.actions.core.waits import NEVER, Ended, MissingDate, waits_until, what_follows
from shared.instants import DAY, parse_instant
from tests.actions.scene import MONDAY, TASK

FRIDAY = parse_instant("2026-03-06T16:30:00Z")
SATURDAY = parse_instant("2026-03-07T10:00:00Z")

# 0 task · 1 if { 1.then.0 message, 1.then.1 if { 1.then.1.then.0 task } } else { 1.else.0 message } · 2 task
NESTED = [
    TASK,
    {
        "if": {"account.mrr": {"at_least": 1000}},
        "then": [
            {"message": {"to": "slack", "text": "rich"}},
            {"if": {"account.plan": "pro"}, "then": [TASK]},
        ],
        "else": [{"message": {"to": "slack", "text": "poor"}}],
    },
    TASK,
]


def path_through(account: dict[str, object]) -> list[str]:
    steps = parse_steps(NESTED)
    paths: list[str] = []
    while (reached := next_step(steps, paths[-1] if paths else None, {"account": account}, MONDAY)) is not None:
        paths.append(reached.path)
        assert step_at(steps, reached.path) is reached.step
    return paths


def test_branches_are_taken_in_order() -> None:
    assert path_through({"mrr": 1000, "plan": "pro"}) == ["0", "1.then.0", "1.then.1.then.0", "2"]
    assert path_through({"mrr": 1000, "plan": "free"}) == ["0", "1.then.0", "2"]
    assert path_through({"mrr": 999, "plan": "pro"}) == ["0", "1.else.0", "2"]


def test_what_a_matcher_cannot_tell_takes_else() -> None:
    assert path_through({}) == ["0", "1.else.0", "2"]


def test_no_steps_have_no_first() -> None:
    assert next_step([], None, {}, MONDAY) is None


def places(do: object) -> list[tuple[object, ...]]:
    with pytest.raises(ValidationError) as caught:
        parse_steps(do)
    return [error["loc"] for error in caught.value.errors()]


def test_errors_have_their_place_in_the_yaml() -> None:
    bad = [
        {"task": {"to": "inbox"}},
        {"if": {"account.mrr": {"at_least": 1}}, "then": [{"email": {"to": "mail", "recipient": "a@b.example", "sbject": "x"}}]},
        {"wait": {"for": "3 days"}},
    ]
    assert places(bad) == [
        (0, "task", "title"),
        (1, "then", 0, "email", "subject"),
        (1, "then", 0, "email", "text"),
        (1, "then", 0, "email", "sbject"),
        (2, "wait", "for"),
    ]


def test_an_error_in_a_matcher_has_its_place_too() -> None:
    assert places([{"if": {"account.mrr": {"at_lest": 1}}, "then": [TASK]}])[0][:3] == (0, "if", "account.mrr")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"taks": {}}, "taks is not a step: allowed are task, message, email, webhook, wait, if; did you mean task?"),
        ({"task": TASK["task"], "wait": {"for": "3d"}}, "a step says one thing; found task, wait"),
        ({}, "a step says one thing; found nothing"),
        ("task", "a step is a mapping with one of task, message, email, webhook, wait, if"),
        ({"wait": {}}, "a wait needs for, until_date or until"),
        ({"wait": {"for": "1d", "until_date": "account.renewal_date"}}, "a wait has for or until_date, not both"),
        ({"wait": {"for": "1d", "then": "stop"}}, "then: stop needs until: without it nothing after the wait would ever go out"),
    ],
)
def test_what_is_wrong_is_said(step: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_steps([step])
    assert [error["msg"] for error in caught.value.errors()] == [message]


def test_a_task_has_defaults() -> None:
    [task] = parse_steps([{"task": {"to": "inbox", "title": "x"}}])
    assert isinstance(task, Task)
    assert (task.assign, task.priority, task.body, task.due) == ("account.owner", "normal", "", None)


def test_an_email_says_to_whom() -> None:
    [email] = parse_steps([{"email": {"to": "mail", "recipient": "account.champion", "subject": "s", "text": "t"}}])
    assert isinstance(email, Email)
    assert email.recipient == "account.champion"


def wait(**fields: str) -> Wait:
    [step] = parse_steps([{"wait": fields}])
    assert isinstance(step, Wait)
    return step


def test_a_wait_for_a_time() -> None:
    three_days = wait(**{"for": "3d"})
    until = waits_until(three_days, MONDAY, {})
    assert until == MONDAY + 3 * DAY
    assert what_follows(three_days, until, Ended(), until - 1) == "wait"
    assert what_follows(three_days, until, Ended(), until) == "continue"
    assert what_follows(three_days, until, Ended(resolved=True, done=True), until - 1) == "wait"


def test_a_wait_for_what_comes_first() -> None:
    either = wait(**{"for": "3d", "until": "resolved", "then": "stop"})
    until = waits_until(either, MONDAY, {})
    assert what_follows(either, until, Ended(done=True), until - 1) == "wait"
    assert what_follows(either, until, Ended(resolved=True), until - 1) == "stop"
    assert what_follows(either, until, Ended(), until) == "continue"


def test_a_wait_without_a_time_never_ends_by_itself() -> None:
    until_done = wait(until="done")
    assert waits_until(until_done, MONDAY, {}) == NEVER
    assert what_follows(until_done, NEVER, Ended(resolved=True), MONDAY + 9999 * DAY) == "wait"
    assert what_follows(until_done, NEVER, Ended(done=True), MONDAY) == "continue"


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("account.renewal_date", "2026-06-01"),
        ("60d before account.renewal_date", "2026-04-02"),
        ("1w after account.renewal_date", "2026-06-08"),
    ],
)
def test_a_wait_for_a_date(until: str, expected: str) -> None:
    context = {"account": {"renewal_date": "2026-06-01"}}
    assert waits_until(wait(until_date=until), MONDAY, context) == parse_instant(expected)


@pytest.mark.parametrize("value", [None, "soon", True, [1]])
def test_a_date_that_is_none(value: object) -> None:
    with pytest.raises(MissingDate, match=r"account\.renewal_date"):
        waits_until(wait(until_date="account.renewal_date"), MONDAY, {"account": {"renewal_date": value}})


def test_which_steps_follow_the_end_of_their_run() -> None:
    steps = parse_steps([TASK, {"if": {"account.plan": "pro"}, "then": [{"wait": {"until": "resolved"}}, TASK]}, TASK])
    after = {path: waited_for_the_end(steps, path) for path in ("0", "1.then.0", "1.then.1", "2")}
    assert after == {"0": False, "1.then.0": True, "1.then.1": True, "2": False}
    assert not waited_for_the_end(parse_steps([{"wait": {"until": "resolved", "then": "stop"}}, TASK]), "1")


@pytest.mark.parametrize(
    ("since", "span", "zone", "expected"),
    [
        (MONDAY, "2 working days", "UTC", "2026-03-04T09:00:00Z"),
        (FRIDAY, "1 working day", "UTC", "2026-03-09T16:30:00Z"),
        (FRIDAY, "6 working days", "UTC", "2026-03-16T16:30:00Z"),
        (SATURDAY, "1 working day", "UTC", "2026-03-09T10:00:00Z"),
        (SATURDAY, "0 working days", "UTC", "2026-03-07T10:00:00Z"),
        (FRIDAY, "3d", "UTC", "2026-03-09T16:30:00Z"),
        # 23:30 UTC on Friday is Saturday in Berlin.
        (parse_instant("2026-03-06T23:30:00Z"), "1 working day", "Europe/Berlin", "2026-03-09T00:30:00+01:00"),
        # The clocks go forward on Sunday 29 March: the time of day stays.
        (parse_instant("2026-03-27T09:00:00+01:00"), "1 working day", "Europe/Berlin", "2026-03-30T09:00:00+02:00"),
    ],
)
def test_due(since: int, span: str, zone: str, expected: str) -> None:
    assert due_at(span, since, zone) == parse_instant(expected)
