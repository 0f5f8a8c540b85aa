"""Aliases: how a foreign system names whom an event is about, `kind:value`.

    zendesk:org:99    email:jo@acme.example    domain:acme.example    user:u1

Of an address and a domain case does not matter: they are kept in lower case. Anything else is kept as it is written.
"""

import re

from shared.free_mail import FREE_MAIL

LONGEST = 256

_ALIAS = re.compile(r"([a-z][a-z0-9_]*):(\S.*)", re.DOTALL)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_DOMAIN = re.compile(r"([^\s.@:/]+\.)+[^\s.@:/]+")


class AliasInvalid(ValueError):
    """A text is no alias; the message says why."""


def read_alias(text: str) -> str:
    """An alias as it is kept. Raises AliasInvalid."""
    found = _ALIAS.fullmatch(text.strip())
    if found is None or len(text) > LONGEST:
        raise AliasInvalid(f"{text[:60]!r} is not of the form kind:value, such as zendesk:org:99")
    kind, value = found[1], found[2]
    if kind == "email":
        return email_alias(value)
    return domain_alias(value) if kind == "domain" else f"{kind}:{value}"


def email_alias(address: str) -> str:
    """`email:jo@acme.example`. Raises AliasInvalid: it is no address."""
    address = address.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > LONGEST:
        raise AliasInvalid(f"{address[:60]!r} is not an e-mail address")
    return f"email:{address}"


def domain_alias(domain: str) -> str:
    """`domain:acme.example`. Raises AliasInvalid: it is no domain's name."""
    domain = domain.strip().lower()
    if not _DOMAIN.fullmatch(domain) or len(domain) > LONGEST:
        raise AliasInvalid(f"{domain[:60]!r} is not a domain, such as acme.example")
    return f"domain:{domain}"


def means_nobody(alias: str) -> bool:
    """Whether it is the domain of a free-mail provider: that says nothing about whom somebody works for."""
    return alias.startswith("domain:") and alias.removeprefix("domain:") in FREE_MAIL


def domain_of(alias: str) -> str | None:
    """`domain:acme.example` for `email:jo@acme.example`; None for what is no address or a free-mail provider's."""
    if not alias.startswith("email:"):
        return None
    try:
        found = domain_alias(alias.rpartition("@")[2]) if "@" in alias else None
    except AliasInvalid:
        return None
    return None if found is None or means_nobody(found) else found
