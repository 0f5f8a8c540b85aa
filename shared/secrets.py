"""Secrets: a workspace holds references only, `env:NAME` or `file:PATH`; the value is read when it is needed and kept nowhere."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from shared.settings import read_variable

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")


def _reference(text: str) -> str:
    # What was found is not repeated: it may be the secret itself.
    if _REFERENCE.fullmatch(text) is None:
        raise ValueError("a secret is never written here: name where it is kept, env:NAME or file:PATH")
    return text


SecretReference = Annotated[str, AfterValidator(_reference)]


class SecretMissing(Exception):
    """A reference leads to nothing. The message names the reference, never a value."""


def read_secret(reference: str) -> str:
    """The secret that a reference leads to; a file's last line break is not part of it.

    Raises:
        SecretMissing: the variable or the file is not there, or empty.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = read_variable(name)
    elif scheme == "file":
        value = _read_file(name)
    else:
        raise SecretMissing("a secret is a reference, env:NAME or file:PATH")
    if not value:
        raise SecretMissing(f"{reference} is not set")
    return value


def mask(text: str, secrets: list[str]) -> str:
    """The text with every secret in it made unreadable."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _read_file(name: str) -> str | None:
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return None
