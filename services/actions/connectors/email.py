"""A mail by SMTP: text and HTML, readable as text.

    destinations:
      mail:
        kind: email
        smtp: "smtp://mail.acme.example:587"       # smtps:// for TLS from the first byte
        from: success@acme.example
        username: "env:SMTP_USER"
        password: "env:SMTP_PASSWORD"

With smtp:// the connection is encrypted where the server offers it, and must be where there is a password. The Message-ID is
made from the delivery's id and stays the same for every try: a mail may come twice after a lost answer, and a mail reader then
shows one. The server's address is chosen by whoever owns the workspace and is usually inside the house, so it is not held to
the public internet.
"""

import html
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import urlsplit

import aiosmtplib
from pydantic import AfterValidator, Field

from services.actions.connectors.contract import DestinationSettings, Outgoing
from services.actions.rendering import RenderedEmail, RenderedTask, facts
from shared.instants import datetime_of, show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from shared.secrets import SecretReference

ACCEPTS = frozenset({"email", "task"})
TIMEOUT_SECONDS = 25.0
# RFC 4954: what a server says when it wants, or does not take, a password.
_REFUSES_US = frozenset({530, 534, 535, 538})
_PERMANENT = 500


def _address(text: str) -> str:
    _parse_address(text)
    return text


def _server(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("it begins with smtp:// or smtps:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds no user or password: use username and password")
    return text


class Settings(DestinationSettings):
    """The server, and from whom."""

    smtp: Annotated[str, AfterValidator(_server)]
    from_: Annotated[str, AfterValidator(_address)] = Field(alias="from")
    username: SecretReference | None = None
    password: SecretReference | None = None


async def send(outgoing: Outgoing, settings: Settings, _http: Http) -> Outcome:
    """Success is the server's answer to the end of the data."""
    try:
        mail = compose(outgoing, settings.from_)
    except (ValueError, HeaderParseError) as error:
        return GiveUp(f"the mail cannot be written: {error}")
    server = urlsplit(settings.smtp)
    username = None if settings.username is None else outgoing.secret(settings.username)
    password = None if settings.password is None else outgoing.secret(settings.password)
    client = aiosmtplib.SMTP(
        hostname=server.hostname,
        port=server.port,
        username=username,
        password=password,
        local_hostname=_parse_address(settings.from_).domain,
        timeout=TIMEOUT_SECONDS,
        use_tls=server.scheme == "smtps",
        start_tls=False if server.scheme == "smtps" else (True if password else None),
    )
    try:
        async with client:
            _, said = await client.send_message(mail)
    except aiosmtplib.SMTPException as error:
        return judge_refusal(error)
    except OSError as error:
        return TryAgain(f"no connection to the mail server ({type(error).__name__})")
    return Delivered(external_id=str(mail["Message-ID"]), status=250, response=said)


def judge_refusal(error: aiosmtplib.SMTPException) -> Outcome:
    """4xx may work later, 5xx never will (RFC 5321 4.2.1); a question of rights pauses the destination."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return TryAgain(f"the mail server did not answer ({type(error).__name__})")
    reason = f"the mail server answered {error.code}"
    if error.code in _REFUSES_US:
        return Pause(f"{reason}: it refuses us", error.code, error.message)
    if error.code >= _PERMANENT:
        return GiveUp(reason, error.code, error.message)
    return TryAgain(reason, status=error.code, response=error.message)


def compose(outgoing: Outgoing, sender: str) -> EmailMessage:
    """The mail.

    Raises:
        ValueError: an address is none. Line breaks cannot get into a header.
    """
    content = outgoing.content
    if isinstance(content, RenderedTask):
        content = _task_as_mail(content, outgoing)
    if not isinstance(content, RenderedEmail):
        raise TypeError(f"a mail carries no {type(content).__name__}")
    source = _parse_address(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = source
    mail["To"] = _parse_address(content.recipient)
    mail["Subject"] = " ".join(content.subject.split())
    mail["Date"] = format_datetime(datetime_of(outgoing.reached_at))
    mail["Message-ID"] = f"<{outgoing.delivery_id}@{source.domain}>"
    # RFC 3834: no holiday replies to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(content.text)
    mail.add_alternative(content.html or _as_html(content.text), subtype="html")
    return mail


def _task_as_mail(task: RenderedTask, outgoing: Outgoing) -> RenderedEmail:
    if task.assignee is None:
        raise ValueError(f"a task for nobody has no address ({task.assigned_because})")
    numbers = "\n".join(f"{name}: {value}" for name, value in facts(outgoing.run.evidence))
    due = "" if task.due_at is None else f"Due: {show_instant(task.due_at)[:10]}"
    end = "\n".join(line for line in (f"Priority: {task.priority}", due) if line)
    text = "\n\n".join(part for part in (task.body, numbers, end) if part)
    return RenderedEmail(task.assignee, task.title, text, None)


def _as_html(text: str) -> str:
    paragraphs = html.escape(text).split("\n\n")
    shown = "".join(f"<p>{part.strip().replace(chr(10), '<br>')}</p>" for part in paragraphs if part.strip())
    return f"<!doctype html><html><body>{shown}</body></html>"


def _parse_address(text: str) -> Address:
    """One address, with or without a name: `Ana <ana@acme.example>`."""
    if any(character in text for character in "\r\n\0"):
        raise ValueError("an address has no line breaks")
    name, bracket, rest = text.rpartition("<")
    try:
        address = Address(name.strip().strip('"'), addr_spec=(rest.rstrip(" >") if bracket else text.strip()))
    except (ValueError, HeaderParseError, IndexError):
        raise ValueError(f"{text[:100]!r} is not an e-mail address") from None
    if not address.username or ("." not in address.domain and address.domain != "localhost"):
        raise ValueError(f"{text[:100]!r} is not an e-mail address")
    return address
