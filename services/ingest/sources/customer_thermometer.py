"""Customer Thermometer: the four faces, and what people wrote beside them.

It signs nothing, so the URL carries a token. In Settings, Webhooks, make a webhook for all temperatures with the URL
`https://YOUR-HOST/v1/sources/customer_thermometer/TOKEN`, method POST, and choose the fields that it sends:

    sources:
      customer_thermometer: {token: "env:THERMOMETER_TOKEN"}

Fields have the names that you give them there. These are looked for, in JSON or as a form: `response_id`, `response`, `comment`,
`email`, `blast_id`, `blast_name`, `thermometer_name`, `ticket_id`, `date`. Where yours are called otherwise, say so; `scores`
says what the faces count, and `measure` what they measure:

    sources:
      customer_thermometer:
        token: "env:THERMOMETER_TOKEN"
        account: custom_1
        map: {score: temperature, comment: feedback, respondent_email: recipient}
        scores: {gold: 4, green: 3, yellow: 2, red: 1}
        measure: csat

The account is what `account` leads to, else that of the e-mail, or of its domain. The event's id is `response_id`, so a response
counts once. A second webhook, for comments that come later, belongs to an entry of its own, which says that it only adds to the
first:

    sources:
      thermometer_comments: {kind: customer_thermometer, token: "env:THERMOMETER_TOKEN", changes: true}

Not confirmed: the names that the vendor itself proposes for its fields, and how it writes the four faces; what is neither a face
in `scores` nor a number has no score.

Source: https://support.customerthermometer.com/hc/en-gb/articles/4412480555153-Webhooks-overview
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, picked
from services.ingest.words.surveys import Measure, answer_name, answer_of
from services.ingest.words.values import aliases, id_of, moment_of, number_of, text_of
from shared.records import JsonObject

_ANSWER = {
    "score": "response",
    "comment": "comment",
    "response_id": "response_id",
    "survey_id": "blast_id",
    "survey": "blast_name | thermometer_name",
    "respondent_email": "email",
    "ticket_id": "ticket_id",
}
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200

MAPPED = (
    Mapped("csat.answered", "a response", _ANSWER),
    Mapped("csat.changed", "a response, where `changes` is true", _ANSWER),
    Mapped("nps.answered", "a response, where `measure` is nps", _ANSWER),
    Mapped("ces.answered", "a response, where `measure` is ces", _ANSWER),
)
EXAMPLES = (
    b"""{"response_id": "884122", "response": "Gold", "comment": "Thank you!", "email": "Ana@Acme.example", "blast_id": "77",
    "blast_name": "Support, March", "ticket_id": "4711", "date": "2026-03-01 11:59:58"}""",
    b"response_id=884123&response=Red&comment=Still+broken&email=bo%40acme.example&blast_id=77&ticket_id=4712",
)


class Settings(SourceSettings):
    """The names of fields, and what the faces mean."""

    # Our words, and the names of the fields that have them; over those that are in the table.
    map: Mapping[str, str] = {}
    scores: Mapping[str, float] = {"gold": 4, "green": 3, "yellow": 2, "red": 1}
    measure: Measure = "csat"
    changes: bool = False

    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """Words that no answer has."""
        unknown = sorted(set(self.map) - set(_ANSWER))
        return [(("map", word), f"an answer has no {word!r}: it has {', '.join(_ANSWER)}") for word in unknown]


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: neither a JSON object nor a form."""
    body = _fields(incoming)
    found = picked(body, {**_ANSWER, **settings.map})
    words = answer_of({**found, "score": None}) | _score(found.get("score"), settings)
    return [
        Reported(
            id=id_of(found.get("response_id"), body),
            name=answer_name(settings.measure, changed=settings.changes),
            vendor=body,
            about=aliases(email=words.get("respondent_email")),
            occurred_at=moment_of(dig(body, "date")),
            properties=words,
        )
    ]


def _fields(incoming: Incoming) -> JsonObject:
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM and b"=" not in incoming.body.lstrip().partition(b"{")[0]:
        return read_object(incoming.body)
    try:
        pairs = parse_qsl(incoming.body.decode(), strict_parsing=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refused("malformed", "", "neither a JSON object nor a form") from None
    if not pairs:
        raise Refused("malformed", "", "there is nothing in it")
    if any("\x00" in text for pair in pairs for text in pair):
        raise Refused("bad_text", "", "text with U+0000")
    return dict(pairs)


def _score(found: Any, settings: Settings) -> JsonObject:
    """A face's number, with its scale; or the number that was sent."""
    face = (text_of(found) or "").lower()
    if face in settings.scores:
        return {"score": settings.scores[face], "scale": max(settings.scores.values())}
    number = number_of(found)
    return {} if number is None else {"score": number}
