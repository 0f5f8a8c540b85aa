"""Survicate: NPS and other answers, question by question.

In the survey's Connect tab choose Webhooks, enable notifications on each response, and paste
`https://YOUR-HOST/v1/sources/survicate`. The signing secret is in Settings, Integrations, Webhooks:

    sources:
      survicate:
        secret: "env:SURVICATE_SECRET"
        account: event.questionAnswered.respondent.attributes.account_id

`account` is an attribute that you send along with a respondent; leave it out if you send none. Then the account is that of the
respondent's e-mail (the attribute `email`, or the contact form of the survey), or of its domain.

An answer is `nps.answered` when its choice is a promoter, passive or detractor; other questions measure what the settings say, by
the question's id: their score is the number in the choice's text. Whatever else is answered stays `question.answered`:

    sources:
      survicate: {secret: "env:SURVICATE_SECRET", scores: {"12123": csat, "12124": ces}}

Verified is the header `Hmac`, the HMAC-SHA256 of the body. Survicate does not write whether in hexadecimal or base64: both are
right here. It signs no time; `messageId` is the guard against what is sent again. Its plain header `Token` proves less and is not
needed. The end of a survey (`surveyAnswered`, when switched on) is `survey.answered` and has no score, so that nothing counts
twice. The paths of the table begin at `event.questionAnswered`.

Sources: https://developers.survicate.com/webhooks/security/, https://developers.survicate.com/webhooks/events/,
https://developers.survicate.com/webhooks/answer-types/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64, signed_hex
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, text_at
from services.ingest.words.surveys import Measure, answer_at, answer_name, answer_of
from services.ingest.words.values import aliases, email_of, id_of, moment_of, number_of
from shared.records import JsonObject

_EMAIL = "respondent.attributes.email | respondent.email | fields.email"
_ANSWER = {
    "comment": "choice.comment",
    "response_id": "responseUuid",
    "survey_id": "survey.id",
    "survey": "survey.name",
    "respondent_email": _EMAIL,
}
_NPS = ("promoter", "passive", "detractor")

MAPPED = (
    Mapped("nps.answered", "questionAnswered, a promoter, passive or detractor", {"score": "choice.id", **_ANSWER}),
    Mapped("csat.answered", "questionAnswered, a question of scores", {"score": "choice.body", **_ANSWER}),
    Mapped("ces.answered", "questionAnswered, a question of scores", {"score": "choice.body", **_ANSWER}),
    Mapped("question.answered", "questionAnswered, any other", _ANSWER),
    Mapped("survey.answered", "surveyAnswered", _ANSWER),
)
EXAMPLES = (
    b"""{"messageId": "c0101a21", "deliveryTries": 0, "event": {"questionAnswered": {"responseUuid": "3fa85f64",
    "survey": {"id": "b92b6eca", "name": "Quarterly"}, "url": "https://survey.example/1", "timestamp":
    "2026-03-01T11:59:58+00:00", "respondent": {"id": "534759", "uuid": "279cd4ab", "attributes": {"email":
    "Ana@Acme.example", "account_id": "acme"}, "links": []}, "question": {"id": 12120, "body":
    "Would you recommend us?"}, "choice": {"id": 3, "body": "detractor", "comment": "slow"}}}}""",
    b"""{"messageId": "c0101a22", "deliveryTries": 1, "event": {"questionAnswered": {"responseUuid": "3fa85f64",
    "survey": {"id": "b92b6eca", "name": "Quarterly"}, "timestamp": "2026-03-01T11:59:59+00:00", "respondent":
    {"id": "534759", "attributes": []}, "question": {"id": 12123, "body": "How do you rate our support?"}, "choice":
    {"id": 21573, "body": "4", "comment": null}}}}""",
    b"""{"messageId": "c0101a23", "deliveryTries": 0, "event": {"questionAnswered": {"responseUuid": "3fa85f64",
    "survey": {"id": "b92b6eca", "name": "Quarterly"}, "timestamp": "2026-03-01T12:00:00+00:00", "respondent":
    {"id": "534759", "attributes": []}, "question": {"id": 12125, "body": "How do we reach you?"}, "fields":
    {"firstName": "Ana", "email": "ana@acme.example"}}}}""",
    b"""{"messageId": "c0101a24", "deliveryTries": 0, "event": {"surveyAnswered": {"responseUuid": "3fa85f64", "survey":
    {"id": "b92b6eca", "name": "Quarterly"}, "timestamp": "2026-03-01T12:00:01+00:00", "respondent": {"id":
    "534759"}}}}""",
)


class Settings(SourceSettings):
    """What questions measure."""

    # By the question's id.
    scores: Mapping[str, Measure] = {}


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """The HMAC of the body."""
    given = incoming.headers.get("hmac")
    return signed_hex(given, incoming.body, secrets) or signed_base64(given, incoming.body, secrets)


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object, or none of Survicate's."""
    body = read_object(incoming.body)
    event = body.get("event")
    # One object, whose key says what happened.
    kind, told = next(iter(event.items()), ("", None)) if isinstance(event, dict) else ("", None)
    name = normalise(kind)
    if not name:
        raise Refused("missing_field", "/event", "Survicate says here what happened")
    respondent, email = text_at(told, "respondent.id"), email_of(first(told, _EMAIL))
    about = aliases(email=email, survicate_respondent=respondent)
    known, properties = _answer(kind, told, settings)
    return [
        Reported(
            id=id_of(body.get("messageId"), body),
            name=known or name,
            vendor=body,
            about=about,
            occurred_at=moment_of(dig(told, "timestamp")),
            properties=properties,
            same=((f"survicate:respondent:{respondent}", f"email:{email}"),) if respondent and email else (),
        )
    ]


def _answer(kind: str, told: Any, settings: Settings) -> tuple[str | None, JsonObject]:
    """The name, where the answer has one of ours, and what it says."""
    if kind == "surveyAnswered":
        return "survey.answered", answer_at(told, _ANSWER)
    if kind != "questionAnswered":
        return None, {}
    words = answer_at(told, _ANSWER)
    measure = settings.scores.get(text_at(told, "question.id") or "")
    if measure is None and text_at(told, "choice.body") in _NPS:
        return "nps.answered", answer_of({"score": dig(told, "choice.id")}) | words
    if measure is None:
        return None, words
    # Of an NPS the id is the number, of all others the text of the choice.
    score = number_of(dig(told, "choice.id" if text_at(told, "choice.body") in _NPS else "choice.body"))
    return answer_name(measure), ({} if score is None else {"score": score}) | words
