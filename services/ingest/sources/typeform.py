"""Typeform: the scores of a form's answers.

In the form's Connect tab, Webhooks, add `https://YOUR-HOST/v1/sources/typeform`, edit it, and give it a secret:

    sources:
      typeform:
        secret: "env:TYPEFORM_SECRET"
        account: form_response.hidden.account_id

`account` is a hidden field of the form, filled in by the link that you send (`#account_id=acme`); leave it out if you have none.
Then the account is that of the respondent's e-mail (the hidden field `email`, else a question for an address), or of its domain.

What a question measures is said by the reference of its field (in the form's Logic or the API): each is an event of its own.
Without `scores` the form's NPS question counts; where it has none, its first opinion scale is taken for one (if it is none, name
it: `scale: survey`):

    sources:
      typeform:
        secret: "env:TYPEFORM_SECRET"
        scores: {how_likely: nps, support_rating: csat, effort: ces}
        comment: what_can_we_improve

`comment` is the reference of the question whose text is the comment; without it the first text is. A response without any score
is `survey.answered`. All answers stay under `typeform`, `properties.typeform.form_response.answers`.

Verified is `Typeform-Signature`: `sha256=` and the base64 HMAC of the body. No time is signed, so `event_id` is the guard against
what is sent again; of several events of one response each adds the reference of its field.

Sources: https://www.typeform.com/developers/webhooks/secure-your-webhooks/,
https://www.typeform.com/developers/webhooks/example-payload/
"""

from collections.abc import Mapping, Sequence

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, text_at
from services.ingest.words.surveys import Measure, answer_name, answer_of
from services.ingest.words.values import aliases, digest, id_of, moment_of, number_of
from shared.records import JsonObject

_EMAIL = "form_response.hidden.email | form_response.answers[type=email].email"
_ANSWER = {
    "score": "form_response.answers[type=number].number",
    "comment": "form_response.answers[type=text].text",
    "response_id": "form_response.token",
    "survey_id": "form_response.form_id",
    "survey": "form_response.definition.title",
    "respondent_email": _EMAIL,
}

MAPPED = (
    Mapped("nps.answered", "form_response, an NPS question or opinion scale, or by `scores`", _ANSWER),
    Mapped("csat.answered", "form_response, by `scores`", _ANSWER),
    Mapped("ces.answered", "form_response, by `scores`", _ANSWER),
    Mapped("survey.answered", "form_response without a score", _ANSWER),
)
EXAMPLES = (
    b"""{"event_id": "01HRX1", "event_type": "form_response", "form_response": {"form_id": "lT4Z3j", "token":
    "a3a12ec6", "landed_at": "2026-03-01T11:58:00Z", "submitted_at": "2026-03-01T11:59:58Z", "hidden":
    {"account_id": "acme", "email": "Ana@Acme.example"}, "definition": {"id": "lT4Z3j", "title": "Quarterly",
    "fields": [{"id": "k6TP", "ref": "how_likely", "type": "nps", "title": "Would you recommend us?"}, {"id":
    "RUqk", "ref": "why", "type": "long_text", "title": "Why?"}]}, "answers": [{"type": "number", "number": 9,
    "field": {"id": "k6TP", "type": "nps", "ref": "how_likely"}}, {"type": "text", "text": "Fast.", "field": {"id":
    "RUqk", "type": "long_text", "ref": "why"}}]}}""",
    b"""{"event_id": "01HRX2", "event_type": "form_response", "form_response": {"form_id": "lT4Z3k", "token":
    "a3a12ec7", "submitted_at": "2026-03-01T11:59:59Z", "answers": [{"type": "number", "number": 4, "field": {"id":
    "x1", "type": "rating", "ref": "stars"}}, {"type": "number", "number": 7, "field": {"id": "x2", "type":
    "opinion_scale", "ref": "scale"}}, {"type": "email", "email": "bo@acme.example", "field": {"id": "x3", "type":
    "email", "ref": "mail"}}]}}""",
    b"""{"event_id": "01HRX3", "event_type": "form_response", "form_response": {"form_id": "lT4Z3l", "token":
    "a3a12ec8", "submitted_at": "2026-03-01T12:00:00Z", "answers": [{"type": "choice", "choice": {"label":
    "London"}, "field": {"id": "x4", "type": "multiple_choice", "ref": "where"}}]}}""",
)


class Settings(SourceSettings):
    """What questions measure, by the references of their fields."""

    scores: Mapping[str, Measure] = {}
    comment: str | None = None


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """`sha256=` and the HMAC of the body."""
    scheme, _, given = incoming.headers.get("typeform-signature", "").partition("=")
    return signed_base64(given, incoming.body, secrets) and scheme == "sha256"


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """An event for each score. Raises Refused: no JSON object, or none of Typeform's."""
    body = read_object(incoming.body)
    name = normalise(text_at(body, "event_type") or "")
    if not name:
        raise Refused("missing_field", "/event_type", "Typeform says here what happened")
    own = id_of(body.get("event_id"), body)
    if name != "form.response":
        return [_reported(body, own, name, {})]
    words = _words(body, settings)
    scored = _scored(body, settings)
    if not scored:
        return [_reported(body, own, answer_name("survey"), answer_of(words))]
    ids = [own] if len(scored) == 1 else [_id(own, reference) for reference, _, _ in scored]
    return [
        _reported(body, id, answer_name(measure), answer_of({"score": score} | words))
        for id, (_, measure, score) in zip(ids, scored, strict=True)
    ]


def _id(own: str, reference: str) -> str:
    return f"{own}:{reference if len(reference) <= 40 else digest(reference)}"


def _reported(body: JsonObject, id: str, name: str, properties: JsonObject) -> Reported:
    return Reported(
        id=id,
        name=name,
        vendor=body,
        about=aliases(email=first(body, _EMAIL)),
        occurred_at=moment_of(first(body, "form_response.submitted_at | form_response.landed_at")),
        properties=properties,
    )


def _words(body: JsonObject, settings: Settings) -> JsonObject:
    words = {word: first(body, path) for word, path in _ANSWER.items() if word != "score"}
    if settings.comment is not None:
        words["comment"] = next((text_at(each, "text") for each in _answers(body) if _reference(each) == settings.comment), None)
    return words


def _scored(body: JsonObject, settings: Settings) -> list[tuple[str, str, int | float]]:
    """The reference, what it measures and the number, of every answer that measures something."""
    numbers = [(each, number) for each in _answers(body) if (number := number_of(dig(each, "number"))) is not None]
    if settings.scores:
        chosen = [
            (each, settings.scores[_reference(each)], number) for each, number in numbers if _reference(each) in settings.scores
        ]
    else:
        chosen = _nps(numbers)
    found = {_reference(each): (measure, number) for each, measure, number in chosen}
    return [(reference, measure, number) for reference, (measure, number) in found.items()]


def _nps(numbers: list[tuple[JsonObject, int | float]]) -> list[tuple[JsonObject, Measure, int | float]]:
    """The first NPS question's answer, else that of the first opinion scale."""
    for kind in ("nps", "opinion_scale"):
        for each, number in numbers:
            if text_at(each, "field.type") == kind:
                return [(each, "nps", number)]
    return []


def _answers(body: JsonObject) -> list[JsonObject]:
    answers = dig(body, "form_response.answers")
    return [each for each in answers if isinstance(each, dict)] if isinstance(answers, list) else []


def _reference(given: JsonObject) -> str:
    return text_at(given, "field.ref") or text_at(given, "field.id") or ""
