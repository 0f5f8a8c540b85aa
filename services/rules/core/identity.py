"""Whom an event is about: from what an alias is known to mean to where its events and mappings go next.

An event without an account is logged under an alias (`user:u1`, `anonymous:x`, `email:a@b.example`). The partition of that alias
decides: the alias means an account, or is the same as another alias, or the domain of an e-mail address may know. Each hop is
one more record in the log, with the same id and source, so that nothing depends on which partition was quicker.

    about = email:jo@acme.example  ── unknown ──►  about = domain:acme.example  ── means acme ──►  account_id = acme
"""

from typing import NamedTuple

import msgspec

from shared.instants import Instant
from shared.records import Event, Mapping

# Domains at which anybody has an address: they say nothing about whom somebody works for.
FREE_MAIL = frozenset(
    [
        "aol.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "posteo.de",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "t-online.de",
        "tutanota.com",
        "web.de",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
        "126.com",
        "163.com",
    ]
)


class Meaning(NamedTuple):
    """What an alias is known to mean: exactly one of the two is given."""

    account_id: str | None
    same_as: str | None


def meaning_of(mapping: Mapping) -> Meaning | None:
    """What a mapping says, or None if it says nothing: neither is given, or the alias is the same as itself."""
    if mapping.account_id:
        return Meaning(mapping.account_id, None)
    if mapping.same_as and mapping.same_as != mapping.alias:
        return Meaning(None, mapping.same_as)
    return None


def domain_alias(alias: str) -> str | None:
    """`domain:acme.example` for `email:jo@acme.example`; None for what is no e-mail address or is a free-mail provider's."""
    if not alias.startswith("email:"):
        return None
    domain = alias.rpartition("@")[2].lower()
    return f"domain:{domain}" if "@" in alias and "." in domain and domain not in FREE_MAIL else None


def key_of(event: Event) -> str:
    """The key under which the event belongs in the log."""
    return event.account_id or event.about or ""


def forward(event: Event, meaning: Meaning | None, at: Instant) -> Event | None:
    """The event as it goes to the log again at `at`: with its account, or about another alias. None: it waits here.

    An alias by which the event came already is not tried again, so that aliases in a circle let it wait instead of going round.
    """
    if meaning is not None and meaning.account_id is not None:
        return _resolved(event, meaning.account_id, at)
    target = domain_alias(event.about or "") if meaning is None else meaning.same_as
    if target is None or target == event.about or target in event.via:
        return None
    return _about(event, target, at)


def _resolved(event: Event, account_id: str, at: Instant) -> Event:
    user_id = event.user_id or _user_in(event.about)
    return msgspec.structs.replace(event, account_id=account_id, about=None, via=(), user_id=user_id, received_at=at)


def _about(event: Event, target: str, at: Instant) -> Event:
    # The person behind `user:old` is `user:new` from here on.
    user = _user_in(target)
    user_id = user if user and event.user_id in (None, _user_in(event.about)) else event.user_id
    via = (*event.via, event.about or "")
    return msgspec.structs.replace(event, about=target, via=via, user_id=user_id, received_at=at)


def _user_in(alias: str | None) -> str | None:
    return alias[5:] if alias and alias.startswith("user:") else None
