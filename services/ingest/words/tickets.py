"""Tickets of all help desks in the same words: what a status and a priority are called, and what a change of status is."""

from collections.abc import Mapping
from typing import Any

from services.ingest.words.mapping import picked
from services.ingest.words.values import email_of, kept, text_of
from shared.records import JsonObject

STATUSES: Mapping[str, str] = {
    "new": "new",
    "open": "open",
    "in_progress": "open",
    "working": "open",
    "submitted": "new",
    "pending": "pending",
    "waiting_on_customer": "pending",
    "hold": "on_hold",
    "on_hold": "on_hold",
    "snoozed": "on_hold",
    "solved": "solved",
    "resolved": "solved",
    "closed": "closed",
}
PRIORITIES: Mapping[str, str] = {
    "low": "low",
    "normal": "normal",
    "medium": "normal",
    "high": "high",
    "urgent": "urgent",
    "critical": "urgent",
}
DONE = frozenset({"solved", "closed"})
_TYPES = frozenset({"question", "incident", "problem", "task"})


def status_of(found: Any, words: Mapping[str, str] = STATUSES) -> str | None:
    """new, open, pending, on_hold, solved or closed; else the vendor's word. `words` are the vendor's own, in lower case."""
    return _word(found, words)


def priority_of(found: Any, words: Mapping[str, str] = PRIORITIES) -> str | None:
    """low, normal, high or urgent; else the vendor's word."""
    return _word(found, words)


def type_of(found: Any) -> str | None:
    """The kinds that all desks know in lower case; else the vendor's word."""
    word = text_of(found)
    return word.lower() if word is not None and word.lower() in _TYPES else word


def tags_of(found: Any) -> list[str] | None:
    """A list of texts, also where they are written one after the other with commas or spaces between them."""
    if isinstance(found, str):
        return [tag for tag in found.replace(",", " ").split(" ") if tag]
    if isinstance(found, list):
        return [tag for each in found if (tag := text_of(each)) is not None]
    return None


_READERS = {
    **dict.fromkeys(("ticket_id", "subject", "assignee", "url"), text_of),
    **dict.fromkeys(("status", "old_status"), status_of),
    **dict.fromkeys(("priority", "old_priority"), priority_of),
    "type": type_of,
    "tags": tags_of,
    "requester_email": email_of,
}


def ticket(vendor: JsonObject, paths: Mapping[str, str]) -> JsonObject:
    """The words of a ticket that are found at these paths of the vendor's object, as all sources write them."""
    return kept(picked(vendor, paths), _READERS)


def change(old: str | None, new: str | None) -> str:
    """What a change of status is: `ticket.solved`, `ticket.reopened`, or else `ticket.updated`.

    A ticket that is closed after it was solved is no more solved than before.
    """
    if new in DONE:
        return "ticket.updated" if old in DONE else "ticket.solved"
    return "ticket.reopened" if old in DONE else "ticket.updated"


def _word(found: Any, words: Mapping[str, str]) -> str | None:
    word = text_of(found)
    # A dash is how templates write that there is none.
    return None if word in (None, "-") else words.get(word.lower().replace("-", "_").replace(" ", "_"), word)
