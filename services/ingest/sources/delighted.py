"""Delighted: NPS, CSAT, CES and its other surveys.

In Integrations, Webhooks, add `https://YOUR-HOST/v1/sources/delighted` with the events for new and updated responses. What signs
is the project's private API key (Integrations, API):

    sources:
      delighted: {secret: "env:DELIGHTED_API_KEY", account: event_data.person_properties.account_id}

`account` is a property that you send along with a person; leave it out if you send none. Then the account is that of the person's
e-mail, or of its domain.

Verified is `X-Delighted-Webhook-Signature`: `sha256=` and the HMAC of the body in hexadecimal. The vendor's page does not
describe it; it is read from public receivers. If yours sends no such header, leave `secret` out and give the URL a token:

    sources:
      delighted: {token: "env:DELIGHTED_TOKEN"}

No time is signed, so `event_id` is the guard against what is sent again. A comment mostly comes as an update of the score that
came first: that is `nps.changed` with the same `response_id`. Surveys that are no NPS, CSAT or CES (stars, thumbs, smileys) are
`survey.answered`. Delighted does not say what a score was before.

Source: https://app.delighted.com/docs/api/webhooks
"""

from collections.abc import Sequence

from services.ingest.errors import Refused
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_hex
from services.ingest.sources.contract import Incoming, Mapped, Reported, SourceSettings
from services.ingest.words.mapping import dig, first, text_at
from services.ingest.words.surveys import answer_at, answer_name
from services.ingest.words.values import aliases, id_of, moment_of

_ANSWER = {
    "score": "event_data.score",
    "comment": "event_data.comment",
    "response_id": "event_data.id",
    "respondent_email": "event_data.person.email",
}
_RESPONSES = {"survey_response.created": False, "survey_response.updated": True}

MAPPED = tuple(
    Mapped(answer_name(measure, changed=changed), f"{event}, survey_type {measure}", _ANSWER)
    for event, changed in _RESPONSES.items()
    for measure in ("nps", "csat", "ces", "another")
)
EXAMPLES = (
    b"""{"event_type": "survey_response.created", "event_id": "d1a0c2", "event_data": {"id": "5435", "person": {"id": "5975",
    "email": "Ana@Acme.example", "name": "Ana Berg", "created_at": 1772366000}, "survey_type": "nps", "score": 9, "comment":
    null, "permalink": "https://delighted.example/r/1", "created_at": 1772366398, "updated_at": 1772366398,
    "person_properties": {"account_id": "acme"}, "notes": [], "tags": [], "additional_answers": []}}""",
    b"""{"event_type": "survey_response.updated", "event_id": "d1a0c3", "event_data": {"id": "5435", "person": {"id": "5975",
    "email": "ana@acme.example", "name": "Ana Berg", "created_at": 1772366000}, "survey_type": "nps", "score": 9, "comment":
    "Fast.", "created_at": 1772366398, "updated_at": 1772366399, "person_properties": null, "notes": [], "tags": []}}""",
    b"""{"event_type": "unsubscribe.created", "event_id": "d1a0c4", "event_data": {"person": {"id": "5975", "email":
    "ana@acme.example"}}}""",
)


class Settings(SourceSettings):
    """Nothing of its own."""


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """`sha256=` and the HMAC of the body."""
    scheme, _, given = incoming.headers.get("x-delighted-webhook-signature", "").partition("=")
    return signed_hex(given, incoming.body, secrets) and scheme.lower() == "sha256"


def read(incoming: Incoming, settings: Settings) -> list[Reported]:
    """One event. Raises Refused: no JSON object, or none of Delighted's."""
    body = read_object(incoming.body)
    event = text_at(body, "event_type") or ""
    name = normalise(event)
    if not name:
        raise Refused("missing_field", "/event_type", "Delighted says here what happened")
    if event in _RESPONSES:
        name = answer_name(text_at(body, "event_data.survey_type"), changed=_RESPONSES[event])
    return [
        Reported(
            id=id_of(dig(body, "event_id"), body),
            name=name,
            vendor=body,
            about=aliases(email=dig(body, "event_data.person.email"), delighted_person=dig(body, "event_data.person.id")),
            occurred_at=moment_of(first(body, "event_data.updated_at | event_data.created_at")),
            properties=answer_at(body, _ANSWER) if event in _RESPONSES else {},
        )
    ]
