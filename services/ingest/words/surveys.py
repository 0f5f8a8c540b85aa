"""What all survey tools share: which event an answer is, and how its words are written.

The first answer is `nps.answered`; what changes the same response later (a comment, another score) is `nps.changed`, so that
counting the first counts responses. A survey of which nobody knows what it measures is `survey.answered`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from services.ingest.words.mapping import picked
from services.ingest.words.values import email_of, kept, number_of, text_of
from shared.records import JsonObject

# What a score measures.
Measure = Literal["nps", "csat", "ces", "survey"]

_READERS = {
    "score": number_of,
    "scale": number_of,
    "comment": text_of,
    "response_id": text_of,
    "survey_id": text_of,
    "survey": text_of,
    "respondent_email": email_of,
    "ticket_id": text_of,
}


def answer_name(measure: str | None, *, changed: bool = False) -> str:
    """The event's name."""
    known = measure if measure in ("nps", "csat", "ces") else "survey"
    return f"{known}.{'changed' if changed else 'answered'}"


def answer_at(value: Any, paths: Mapping[str, str]) -> JsonObject:
    """The words of an answer, from where they are in the vendor's object."""
    return answer_of(picked(value, paths))


def answer_of(found: JsonObject) -> JsonObject:
    """The words of an answer: numbers are numbers, ids are texts, addresses in lower case; what is none of it is left out."""
    return kept(found, _READERS)
