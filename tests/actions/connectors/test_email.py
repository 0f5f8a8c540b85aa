from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import aiosmtplib
import pytest

from services.actions.connectors import email
from services.actions.connectors.email import compose, judge_refusal
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from tests.actions.connectors.outgoing import mail_server_with, outgoing


class Mailbox:
    """A mail server that answers as told, and keeps what it took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipient_answer = "250 fine"
        self.data_answer = "250 taken as 42"
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.data_answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.data_answer


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    async with mail_server_with(box) as box.port:
        yield box


async def send(port: int, kind: str = "email", **fields: Any) -> Outcome:
    settings = email.Settings.model_validate(
        {"kind": "email", "smtp": f"smtp://127.0.0.1:{port}", "from": "Acme CS <success@acme.example>"}
    )
    http = Http()
    try:
        return await email.send(outgoing(kind, **fields), settings, http)
    finally:
        await http.close()


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


async def test_a_mail_is_readable_as_text_and_as_html(mailbox: Mailbox) -> None:
    outcome = await send(mailbox.port, text="How are <you>?\n\nAna")
    [mail] = mailbox.mails
    assert outcome == Delivered(mail["Message-ID"], 250, "taken as 42")
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Acme CS <success@acme.example>", "eva@acme.example", "Hello Acme")
    assert mail["Message-ID"] == f"<{outgoing('email').delivery_id}@acme.example>"
    assert part(mail, "plain") == "How are <you>?\n\nAna\n"
    assert "<p>How are &lt;you&gt;?</p><p>Ana</p>" in part(mail, "html")


async def test_every_try_is_the_same_mail(mailbox: Mailbox) -> None:
    for attempt in (1, 2):
        await send(mailbox.port, attempt=attempt)
    first, second = mailbox.mails
    for header in ("Message-ID", "Date", "Subject"):
        assert first[header] == second[header]


async def test_a_task_goes_to_its_assignee_with_its_numbers(mailbox: Mailbox) -> None:
    await send(mailbox.port, "task")
    [mail] = mailbox.mails
    assert (mail["To"], mail["Subject"]) == ("ana@acme.example", "Call Acme")
    assert part(mail, "plain") == (
        "Ask what changed.\n\nbaseline: 25\ncurrent: 12\ndrop: 0.52\n\nPriority: high\nDue: 2026-03-04\n"
    )


async def test_a_task_for_nobody_is_a_dead_letter(mailbox: Mailbox) -> None:
    outcome = await send(mailbox.port, "task", account={"id": "a", "name": "A"})
    assert outcome == GiveUp("the mail cannot be written: a task for nobody has no address (nobody: account.owner is missing)")


async def test_the_authors_html_has_its_values_escaped(mailbox: Mailbox) -> None:
    await send(mailbox.port, html="<b>{{ account.name }}</b>", account={"id": "a", "name": "<i>A</i>"})
    assert part(mailbox.mails[0], "html").strip() == "<b>&lt;i&gt;A&lt;/i&gt;</b>"


@pytest.mark.parametrize("evil", ["A\r\nBcc: all@acme.example", "A\nX-Evil: 1", "A\r\n\r\nbody"])
async def test_a_subject_cannot_add_a_header(evil: str, mailbox: Mailbox) -> None:
    await send(mailbox.port, account={"id": "a", "name": evil})
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert mail["Subject"] == " ".join(f"Hello {evil}".split())


@pytest.mark.parametrize(
    "recipient",
    [
        "eva@acme.example\r\nBcc: all@acme.example",
        "eva@acme.example, bo@acme.example",
        "eva",
        "@acme.example",
        "eva@",
        "<>",
    ],
)
async def test_what_is_no_address_is_a_dead_letter(recipient: str, mailbox: Mailbox) -> None:
    outcome = await send(mailbox.port, recipient="account.champion", account={"id": "a", "name": "A", "champion": recipient})
    assert isinstance(outcome, GiveUp)
    assert mailbox.mails == []


async def test_what_the_server_says(mailbox: Mailbox) -> None:
    mailbox.recipient_answer = "550 no such user"
    assert await send(mailbox.port) == GiveUp("the mail server answered 550", 550, "no such user")
    mailbox.recipient_answer = "450 try later"
    assert await send(mailbox.port) == TryAgain("the mail server answered 450", status=450, response="try later")
    mailbox.recipient_answer, mailbox.data_answer = "250 fine", "452 full"
    assert await send(mailbox.port) == TryAgain("the mail server answered 452", status=452, response="full")
    mailbox.data_answer = "554 spam"
    assert await send(mailbox.port) == GiveUp("the mail server answered 554", 554, "spam")
    assert mailbox.mails == []


async def test_no_server_is_tried_again() -> None:
    assert isinstance(await send(1), TryAgain)


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_question_of_rights_pauses(code: int) -> None:
    assert isinstance(judge_refusal(aiosmtplib.SMTPAuthenticationError(code, "no")), Pause)


def test_454_is_tried_again() -> None:
    assert isinstance(judge_refusal(aiosmtplib.SMTPAuthenticationError(454, "later")), TryAgain)


def test_names_beyond_ascii() -> None:
    mail = compose(
        outgoing("email", recipient="Žofie Nováková <zofie@acme.example>", subject="Zpráva 😀"), "success@acme.example"
    )
    back = message_from_bytes(mail.as_bytes(), policy=default)
    assert (back["To"], back["Subject"]) == ("Žofie Nováková <zofie@acme.example>", "Zpráva 😀")
