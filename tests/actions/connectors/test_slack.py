from pathlib import Path

import pytest

from services.actions.connectors import slack
from services.actions.connectors.slack import MAX_SECTION, escape, message, said_ok
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from tests.actions.connectors.calling import SECRET, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool


async def send(receiver: Tool, folder: Path, **fields: str) -> Outcome:
    (folder / "url").write_text(receiver.url)
    settings = slack.Settings.model_validate(
        {"kind": "slack", "url": f"file:{folder / 'url'}", "private_network": "allowed", **fields}
    )
    http = Http()
    outcome = await slack.send(outgoing("task"), settings, http)
    await http.close()
    return outcome


async def test_ok_is_delivered(receiver: Tool, tmp_path: Path) -> None:
    assert isinstance(await send(receiver, tmp_path), Delivered)
    assert receiver.ledger[0].json["text"] == "Call Acme"


async def test_200_without_ok_is_a_failure_with_slacks_own_word(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"ok":false,"error":"channel_is_archived"}'))
    outcome = await send(receiver, tmp_path)
    assert isinstance(outcome, GiveUp)
    assert "channel_is_archived" in outcome.reason


async def test_a_url_that_leads_inside_is_refused(receiver: Tool, tmp_path: Path) -> None:
    outcome = await send(receiver, tmp_path, private_network="refused")
    assert isinstance(outcome, GiveUp)
    assert receiver.ledger == []
    assert receiver.url not in outcome.reason


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("ok", True),
        ("ok\n", True),
        ('{"ok":true}', True),
        ('{"ok":false}', False),
        ("", False),
        ("no_text", False),
        ("[]", False),
    ],
)
def test_what_ok_is(text: str, ok: bool) -> None:
    assert said_ok(text) is ok


def test_data_can_neither_call_a_channel_nor_hide_a_link() -> None:
    assert escape("<!here> <https://evil.example|bank> R&D") == "&lt;!here&gt; &lt;https://evil.example|bank&gt; R&amp;D"
    sent = message(outgoing("message", account={"id": "a", "name": "<!channel>"}))
    assert "<" not in sent["text"] + sent["blocks"][0]["text"]["text"]


def test_a_task_has_its_numbers_and_its_id() -> None:
    sent = message(outgoing("task"))
    section, small_print = sent["blocks"]
    assert section["text"]["text"] == "*Call Acme*\nAsk what changed."
    assert section["block_id"] == outgoing("task").delivery_id
    assert small_print["elements"][0]["text"] == (
        "for ana@acme.example · priority high · due 2026-03-04 · baseline 25 · current 12 · drop 0.52"
    )


def test_long_texts_are_cut_to_what_slack_takes() -> None:
    text = message(outgoing("message", text="x" * 5000))["blocks"][0]["text"]["text"]
    assert len(text) == MAX_SECTION
    assert text.endswith("…")


APP = {"token": "SECRET", "channel": "C012AB3CD"}


async def test_an_app_writes_to_its_channel(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"ok": true, "channel": "C012AB3CD", "ts": "1503435956.000247"}'))
    outcome = await call("slack", receiver, tmp_path, APP)
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "1503435956.000247"
    (request,) = receiver.ledger
    assert (request.line, request.json["channel"]) == ("POST /chat.postMessage", "C012AB3CD")
    assert request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("ratelimited", TryAgain), ("internal_error", TryAgain), ("token_revoked", Pause), ("channel_not_found", GiveUp)],
)
async def test_what_slack_says_inside_a_200_counts(receiver: Tool, tmp_path: Path, word: str, outcome: type[Outcome]) -> None:
    receiver.says((200, {}, b'{"ok": false, "error": "%s"}' % word.encode()))
    assert isinstance(await call("slack", receiver, tmp_path, APP), outcome)


@pytest.mark.parametrize(
    "given", [{}, {"url": "env:A", "token": "env:B", "channel": "C"}, {"token": "env:A"}, {"url": "env:A", "channel": "C"}]
)
def test_a_destination_has_one_way_to_send(given: dict[str, str]) -> None:
    assert slack.Settings.model_validate({"kind": "slack", **given}).problems()
