"""Whom an event is about: from what an alias is known to mean to where its events and mappings go next.

An event without an account is logged under an alias (`user:u1`, `zendesk:org:99`, `email:a@b.example`), and may name others
that are tried after it (`else_about`). The partition of each alias decides in its turn: the alias means an account, or is the
same as another alias, or the next one may know; the domains of its e-mail addresses come last. Each hop is one more record in
the log, with the same id and source, so that nothing depends on which partition was quicker.

    about = zendesk:org:99             unknown: the next one
    about = email:jo@acme.example      unknown, and the last one: its domain
    about = domain:acme.example        means acme: account_id = acme

Where nothing is known the event waits under the last alias. What is learnt later of any alias by which it came goes the same way
after it (`services.rules.aliases`), record by record behind it, and finds it wherever it waits.
"""

from typing import NamedTuple

import msgspec

from shared.aliases import domain_of
from shared.instants import Instant
from shared.records import Event, Mapping


class Meaning(NamedTuple):
    """What an alias is known to mean: an account, another alias, or both, when that says which user of the account it is."""

    account_id: str | None
    same_as: str | None


def meaning_of(mapping: Mapping) -> Meaning | None:
    """What a mapping says, or None if it says nothing: neither is given, or the alias is the same as itself."""
    same_as = mapping.same_as if mapping.same_as and mapping.same_as != mapping.alias else None
    return Meaning(mapping.account_id or None, same_as) if mapping.account_id or same_as else None


def together(said: Meaning, known: Meaning | None) -> Meaning:
    """What an alias means once something more is said of it.

    An account gives way to another account only, so that what a person assigned outlives what a vendor repeats with every event.
    That it is the same as a domain, somebody's address's, gives way to any other alias.
    """
    if known is None:
        return said
    keeps = said.same_as is None or (_is_domain(said.same_as) and known.same_as is not None and not _is_domain(known.same_as))
    return Meaning(said.account_id or known.account_id, known.same_as if keeps else said.same_as)


def _is_domain(alias: str) -> bool:
    return alias.startswith("domain:")


def key_of(event: Event) -> str:
    """The key under which the event belongs in the log."""
    return event.account_id or event.about or ""


def came_by(event: Event) -> tuple[str, ...]:
    """The aliases that were asked for the event's account, where it is now the last."""
    return (*event.via, event.about or "")


def forward(event: Event, meaning: Meaning | None, at: Instant) -> Event | None:
    """The event as it goes to the log again at `at`: with its account, or about another alias. None: it waits here.

    An alias by which the event came already is not tried again, so that aliases in a circle let it wait instead of going round.
    """
    released = release(event, event.about or "", meaning, at) if meaning is not None else None
    if released is not None:
        return released
    tried = came_by(event)
    for place, alias in enumerate(event.else_about):
        if alias not in tried:
            return _about(event, alias, at, else_about=event.else_about[place + 1 :])
    domains = (domain_of(alias) for alias in tried)
    last = next((domain for domain in domains if domain is not None and domain not in tried), None)
    return None if last is None else _about(event, last, at, else_about=())


def release(event: Event, alias: str, meaning: Meaning, at: Instant) -> Event | None:
    """An event, as it goes on at `at` once one of the aliases by which it came means something. None: it waits on."""
    user = _user_in(meaning.same_as)
    # The person behind `user:old` is `user:new` from here on.
    user_id = user if user and event.user_id in (None, _user_in(alias)) else event.user_id or _user_in(alias)
    if meaning.account_id is not None:
        user_id = user_id or _user_in(event.about)
        return msgspec.structs.replace(
            event, account_id=meaning.account_id, about=None, else_about=(), via=(), user_id=user_id, received_at=at
        )
    if meaning.same_as is None or meaning.same_as in came_by(event):
        return None
    return _about(event, meaning.same_as, at, user_id=user_id)


def _about(event: Event, target: str, at: Instant, **changed: object) -> Event:
    # Whoever is asked next, the person stays known.
    changed.setdefault("user_id", event.user_id or _user_in(event.about))
    return msgspec.structs.replace(event, about=target, via=came_by(event), received_at=at, **changed)


def _user_in(alias: str | None) -> str | None:
    return alias[5:] if alias and alias.startswith("user:") else None
