"""Cards in Microsoft Teams."""

import msgspec

from services.actions.connectors.teams import message
from tests.actions.connectors.outgoing import outgoing

MOST_BYTES = 21_000


def texts(card: dict[str, object]) -> list[str]:
    body = card["body"]
    assert isinstance(body, list)
    return [block["text"] for block in body if block["type"] == "TextBlock"]


def card_of(**fields: object) -> dict[str, object]:
    (attachment,) = message(outgoing("task", **fields))["attachments"]  # type: ignore[arg-type]
    card: dict[str, object] = attachment["content"]
    return card


def test_a_card_has_the_task_its_numbers_and_its_id() -> None:
    card = card_of()
    assert texts(card)[:2] == ["Call Acme", "Ask what changed."]
    assert texts(card)[2] == "for ana@acme.example · priority high · due 2026-03-04"
    assert f"successplays:{outgoing('task').delivery_id}" == texts(card)[-1]
    assert card["version"] == "1.4"


def test_a_customers_name_is_no_link() -> None:
    card = card_of(account={"id": "a", "name": "[free](https://evil.example)"})
    assert texts(card)[0] == "Call \\[free\\]\\(https://evil.example\\)"


def test_a_long_text_is_cut_to_what_teams_takes() -> None:
    card = message(outgoing("message", text="x" * 16_000))
    assert len(msgspec.json.encode(card)) < MOST_BYTES
