import pytest

from services.actions.check import check_destination, check_steps
from tests.actions.scene import TASK

DESTINATIONS = {
    "crm": {"kind": "webhook", "url": "https://crm.acme.example/", "secret": "env:X"},
    "slack-cs": {"kind": "slack", "url": "env:SLACK"},
}


def test_what_is_right_has_no_problems() -> None:
    steps = [
        TASK,
        {"wait": {"for": "3d", "until": "resolved", "then": "stop"}},
        {"if": {"account.mrr": {"at_least": 1000}}, "then": [{"message": {"to": "slack-cs", "text": "{{ owner.email }}"}}]},
    ]
    assert check_steps(steps, DESTINATIONS) == []


def test_problems_have_their_places() -> None:
    steps = [
        {"task": {"to": "slac-cs", "title": "{{ acount.name }}", "body": "{% if %}"}},
        {
            "if": {"account.mrr": {"at_least": 1000}},
            "then": [{"email": {"to": "crm", "recipient": "account.champion", "subject": "s", "text": "{{ x | shout }}"}}],
            "else": [{"webhook": {"to": "crm", "data": {"a": ["{{ run.nope }}"]}}}],
        },
    ]
    found = dict(check_steps(steps, DESTINATIONS))
    assert list(found) == [
        (0, "task", "to"),
        (0, "task", "title"),
        (0, "task", "body"),
        (1, "then", 0, "email", "to"),
        (1, "then", 0, "email", "text"),
        (1, "else", 0, "webhook", "data", "a", 0),
    ]
    assert found[0, "task", "to"] == "there is no destination 'slac-cs': there are crm, inbox, slack-cs; did you mean slack-cs?"
    assert found[0, "task", "title"].startswith("acount.name is never there: a template sees account, event, evidence")
    assert "cannot be read" in found[0, "task", "body"]
    assert found[1, "then", 0, "email", "to"] == (
        "destination crm is of kind webhook, which takes message, task, webhook, but no email"
    )


def test_what_cannot_be_parsed_is_said_with_its_place() -> None:
    assert check_steps([{"task": {"to": "inbox", "title": "x", "due": "soon"}}], {}) == [
        (
            (0, "task", "due"),
            "'soon' is neither a duration, such as 3d, nor working days, such as 2 working days",
        )
    ]


@pytest.mark.parametrize(
    ("name", "settings", "places", "words"),
    [
        ("crm", DESTINATIONS["crm"], [], ""),
        ("crm", {"kind": "webhok"}, [("kind",)], "did you mean webhook?"),
        ("crm", {}, [("kind",)], "there are "),
        ("crm", {"kind": "inbox"}, [("kind",)], "there is no kind"),
        ("inbox", {"kind": "inbox"}, [()], "always exists"),
        ("crm", {"kind": "webhook"}, [("url",), ("secret",)], "Field required"),
        ("crm", {**DESTINATIONS["crm"], "urll": 1}, [("urll",)], "not permitted"),
        ("crm", {**DESTINATIONS["crm"], "secret": "hunter2"}, [("secret",)], "env:NAME or file:PATH"),
        ("crm", {**DESTINATIONS["crm"], "url": "http://crm.acme.example/"}, [("url",)], "must begin with https://"),
        ("crm", {**DESTINATIONS["crm"], "url": "http://crm/", "private_network": "allowed"}, [], ""),
        ("mail", {"kind": "email", "smtp": "smtp://127.0.0.1:2525", "from": "success@acme.example"}, [], ""),
        ("mail", {"kind": "email", "smtp": "127.0.0.1:2525", "from": "success"}, [("smtp",), ("from",)], ""),
    ],
)
def test_destinations(name: str, settings: dict[str, object], places: list[object], words: str) -> None:
    found = check_destination(name, settings)
    assert {place[:1] for place, _ in found} == {place[:1] for place in places}  # type: ignore[index]
    assert all(words in message for _, message in found)


def test_a_secret_that_was_written_in_plain_is_not_repeated() -> None:
    assert "hunter2" not in repr(check_destination("crm", {**DESTINATIONS["crm"], "secret": "hunter2"}))
