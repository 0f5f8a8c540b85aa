"""What holds for every source: nothing unsigned comes in, nothing signed is lost, and what comes in is in our words."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import tests.ingest.sources as here
from services.ingest.sources.contract import Incoming, Reported, sources
from services.ingest.words.vocabulary import EVENTS, TRAITS
from shared.instants import SECOND
from tests.ingest.conftest import NOW
from tests.ingest.sources.sending import OLD_SECRET, SECRET, Sender, Vendor, sending

VENDORS: dict[str, Vendor] = {
    module.VENDOR.kind: module.VENDOR
    for entry in pkgutil.iter_modules(here.__path__)
    if entry.name.startswith("test_") and entry.name != "test_conformance"
    for module in [importlib.import_module(f"tests.ingest.sources.{entry.name}")]
}
SIGNED = [kind for kind, vendor in VENDORS.items() if vendor.sign is not None]
TIMESTAMPED = [kind for kind, vendor in VENDORS.items() if vendor.timestamped]
UNSIGNED = [kind for kind, vendor in VENDORS.items() if vendor.sign is None]


@pytest.fixture
async def sender(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sender]:
    async with sending(VENDORS[request.param], tmp_path) as open_sender:
        yield open_sender


def test_every_source_is_tested() -> None:
    assert set(VENDORS) == set(sources())


@pytest.mark.parametrize("sender", VENDORS, indirect=True)
async def test_every_example_is_stored_and_answered_with_200(sender: Sender) -> None:
    for body in sources()[sender.vendor.kind].examples:
        before = len(sender.entries) + len(sender.journal.notified)
        answer = await sender.send(body)
        assert answer.status_code == 200, answer.text
        assert len(sender.entries) + len(sender.journal.notified) > before


@pytest.mark.parametrize("sender", VENDORS, indirect=True)
async def test_the_same_request_again_is_the_same_event(sender: Sender) -> None:
    await sender.send(sender.example)
    first = [event.id for event in sender.journal.events], [each.id for each in sender.journal.notified]
    await sender.send(sender.example)
    again = [event.id for event in sender.journal.events], [each.id for each in sender.journal.notified]
    assert again == (first[0] * 2, first[1] * 2)


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
async def test_a_flipped_byte_anywhere_is_401_alike(sender: Sender) -> None:
    body = sender.example
    good = sender.headers(body)
    answers = []
    for index in (0, len(body) // 2, len(body) - 1) if sender.vendor.signs_body else ():
        flipped = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
        answers.append(await sender.send(flipped, good))
    for name in sender.vendor.sign(body, SECRET, NOW) if sender.vendor.sign else ():
        answers.append(await sender.send(body, {key: value for key, value in good.items() if key != name}))
        answers.append(await sender.send(body, {**good, name: ""}))
        answers.append(await sender.send(body, {**good, name: "é,=½"}))
    answers.append(await sender.send(body, sender.headers(body, "another secret")))
    answers.append(await sender.send(body, {}))
    refused = [answer for answer in answers if answer.status_code != 200]
    # A vendor that puts an id into a header without signing it may lose that header.
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.content for answer in refused}) == 1
    assert len(answers) - len(refused) <= 3
    assert len(refused) >= (6 if sender.vendor.signs_body else 5)


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
async def test_either_of_two_secrets_signs(sender: Sender) -> None:
    for secret in (SECRET, OLD_SECRET):
        assert (await sender.send(sender.example, sender.headers(sender.example, secret))).status_code == 200


@pytest.mark.parametrize("sender", SIGNED, indirect=True)
async def test_a_signed_body_that_is_not_utf8_is_a_clean_refusal(sender: Sender) -> None:
    answer = await sender.send(b"\xff\xfe\x00{", sender.headers(b"\xff\xfe\x00{"))
    assert answer.status_code == 400, answer.text
    assert sender.entries == []


@pytest.mark.parametrize("sender", TIMESTAMPED, indirect=True)
@pytest.mark.parametrize(("off", "status"), [(300, 200), (-300, 200), (301, 401), (-301, 401)])
async def test_a_signature_is_of_now(sender: Sender, off: int, status: int) -> None:
    answer = await sender.send(sender.example, sender.headers(sender.example, at=NOW + off * SECOND))
    assert answer.status_code == status


@pytest.mark.parametrize("sender", UNSIGNED, indirect=True)
async def test_without_the_token_nothing_comes_in(sender: Sender) -> None:
    for token in ("", "another", "a-token-that-nobody-guesse", "é"):
        assert (await sender.send(sender.example, token=token)).status_code in (401, 404)
    assert sender.entries == []


@pytest.mark.parametrize("sender", VENDORS, indirect=True)
async def test_when_the_log_is_away_it_is_503_and_comes_again(sender: Sender) -> None:
    sender.journal.away = True
    answer = await sender.send(sender.example)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("kind", VENDORS)
def test_what_it_says_is_in_the_words_that_all_share(kind: str) -> None:
    source, vendor = sources()[kind], VENDORS[kind]
    for row in source.mapped:
        if EVENTS.get(row.event):
            assert set(row.properties) <= set(EVENTS[row.event]), row
        assert set(row.traits) <= set(TRAITS), row
    settings = source.settings.model_validate({"token": "env:X", **vendor.settings})
    for body in source.examples:
        for told in source.read(Incoming("POST", "/", {}, dict(vendor.headers), body, NOW), settings):
            if isinstance(told, Reported) and EVENTS.get(told.name):
                assert set(told.properties) <= set(EVENTS[told.name])
