"""Aliases: how a foreign system names whom an event is about, `kind:value`.

    zendesk:org:99    email:jo@acme.example    domain:acme.example    user:u1

Of an address and a domain case does not matter: they are kept in lower case. An id of Salesforce's is kept in its 18 characters,
whichever of its two forms is given. Anything else is kept as it is written.
"""

import re

from shared.free_mail import FREE_MAIL

LONGEST = 256

_ALIAS = re.compile(r"([a-z][a-z0-9_]*):(\S.*)", re.DOTALL)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SALESFORCE_ID = re.compile(r"[0-9A-Za-z]{15}")
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
    if kind == "domain":
        return domain_alias(value)
    return f"{kind}:{_salesforce(value) if kind == 'salesforce' else value}"


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


def _salesforce(value: str) -> str:
    """Of `account:` and an id of 15 characters, as reports and Setup show it, that of 18, as messages have it.

    The last three say for each five of the others which are capitals:
    https://codebycody.com/salesforces-algorithm-for-converting-ids-from-15-to-18-characters
    """
    thing, _, id = value.rpartition(":")
    if not thing or not _SALESFORCE_ID.fullmatch(id):
        return value
    fives = (id[start : start + 5] for start in (0, 5, 10))
    return value + "".join(_SUFFIX[sum(each.isupper() << place for place, each in enumerate(five))] for five in fives)


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
