"""SurveyMonkey: responses, which are fetched, since its webhooks tell ids only.

At developer.surveymonkey.com make a private app with the scopes View Surveys, View Responses, View Response Details and
Create/Modify Webhooks. Its client secret and access token are in the app's settings. The webhook is made with the API:

    POST https://api.surveymonkey.com/v3/webhooks
    Authorization: Bearer ACCESS_TOKEN
    Content-Type: application/json

    {"name": "successplays", "event_type": "response_completed", "object_type": "survey", "object_ids": ["SURVEY_ID"],
     "subscription_url": "https://YOUR-HOST/v1/sources/surveymonkey"}

A second one with `response_updated` brings what respondents change later. SurveyMonkey asks for the URL with HEAD first, so the
entry must be applied by then:

    sources:
      surveymonkey:
        secret: "env:SURVEYMONKEY_CLIENT_SECRET"
        api: {token: "env:SURVEYMONKEY_TOKEN"}
        account: response.custom_variables.account_id

`account` is a custom variable of the survey, filled in by the link that you send (`?account_id=acme`); leave it out if you have
none. Then the account is that of the address that the response has, or of its domain. Where your data is in Europe or Canada,
`api` also says `base_url: "https://api.eu.surveymonkey.com/v3"` (or `ca`).

Without `scores` the first Net Promoter Score question counts. What other questions measure is said by their ids (`GET
/v3/surveys/ID/details`); each score is an event of its own. `comment` is the id of the question whose text is the comment;
without it the first text is. A response without a score is `survey.answered`:

    sources:
      surveymonkey:
        secret: "env:SURVEYMONKEY_CLIENT_SECRET"
        api: {token: "env:SURVEYMONKEY_TOKEN"}
        scores: {"319352786": nps, "319352787": csat}
        comment: "319352788"

Without `api` a response is `survey.answered` with its id, and nobody knows the score. Verified is `Sm-Signature`, the base64
HMAC-SHA1 of the body, with the client id (the header `Sm-Apikey`) and the secret, joined by `&`, as the key. No time is signed,
so `event_id` is the guard against what is sent again. Not confirmed: how a choice of an NPS question is written in every
language. The score is the last number in its text, else its weight.

Source: https://api.surveymonkey.com/v3/docs#webhooks
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.ingest.errors import Refused
from services.ingest.fetching.contract import Api, BearerApi, Rate, segment
from services.ingest.reading.json_read import read_object
from services.ingest.reading.names import normalise
from services.ingest.receiving.signatures import signed_base64
from services.ingest.sources.contract import Incoming, Mapped, Notified, Reported, SourceSettings, Told
from services.ingest.words.mapping import dig, first, text_at
from services.ingest.words.surveys import Measure, answer_at, answer_name, answer_of
from services.ingest.words.values import aliases, id_of, moment_of, number_of
from shared.outbound.urls import HttpUrl
from shared.records import JsonObject

_ANSWER = {
    "response_id": "object_id",
    "survey_id": "resources.survey_id",
    "respondent_email": "response.email_address | response.metadata.contact.email.value | response.custom_variables.email",
}
_FETCHED = {
    "score": "response.pages.*.questions.*.answers.0.simple_text",
    "comment": "response.pages.*.questions.*.answers.0.text",
    **_ANSWER,
}
_COMPLETED = {"response_completed": False, "response_updated": True}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What the weights of an NPS are: detractor, passive, promoter.
_NPS_WEIGHTS = (-100, 0, 100)

MAPPED = (
    *(
        Mapped(answer_name(measure, changed=changed), f"{event}, {by}", _FETCHED)
        for event, changed in _COMPLETED.items()
        for measure, by in (("nps", "an NPS question or by `scores`"), ("csat", "by `scores`"), ("ces", "by `scores`"))
    ),
    *(Mapped(answer_name("survey", changed=changed), f"{event}, any other", _ANSWER) for event, changed in _COMPLETED.items()),
)
EXAMPLES = (
    b"""{"name": "successplays", "filter_type": "survey", "filter_id": "4001", "event_type": "response_completed", "event_id":
    "10001", "object_type": "response", "object_id": "5007154325", "event_datetime": "2026-03-01T11:59:58.182613+00:00",
    "resources": {"respondent_id": "5007154325", "recipient_id": "0", "collector_id": "50", "survey_id": "4001", "user_id":
    "1"}}""",
    b"""{"name": "successplays", "event_type": "response_deleted", "event_id": "10002", "object_type": "response", "object_id":
    "5007154325", "event_datetime": "2026-03-01T11:59:59+00:00", "resources": {"survey_id": "4001"}}""",
)


class SurveyMonkeyApi(BearerApi):
    """Private apps may ask 120 times a minute."""

    base_url: HttpUrl = "https://api.surveymonkey.com/v3"
    rate: Rate = 2


class Settings(SourceSettings):
    """How the API is reached, and what questions measure, by their ids."""

    api: SurveyMonkeyApi | None = None
    scores: Mapping[str, Measure] = {}
    comment: str | None = None


def verified(incoming: Incoming, settings: Settings, secrets: Sequence[bytes]) -> bool:
    """The HMAC of the body, keyed with client id and secret."""
    client = incoming.headers.get("sm-apikey", "").encode("latin-1", "replace")
    keys = [client + b"&" + secret for secret in secrets]
    return signed_base64(incoming.headers.get("sm-signature"), incoming.body, keys, "sha1")


def read(incoming: Incoming, settings: Settings) -> list[Told]:
    """A response to be fetched, or an event. Raises Refused: no JSON object, or none of SurveyMonkey's."""
    body = read_object(incoming.body)
    event = text_at(body, "event_type") or ""
    if not normalise(event):
        raise Refused("missing_field", "/event_type", "SurveyMonkey says here what happened")
    response, survey = text_at(body, "object_id"), text_at(body, "resources.survey_id")
    if event in _COMPLETED and settings.api is not None and response and survey:
        occurred_at = moment_of(body.get("event_datetime"))
        return [Notified(id=_id(body), thing=f"response:{response}", vendor=body, occurred_at=occurred_at)]
    return [_bare(body)]


async def fetch(notified: Notified, settings: Settings, api: Api) -> list[Reported]:
    """The scores of the response. Raises Unfetched."""
    body = notified.vendor
    survey, response = text_at(body, "resources.survey_id") or "", text_at(body, "object_id") or ""
    path = f"/surveys/{segment(survey)}/responses/{segment(response)}/details"
    found = await api.get(path, {"simple": "true"})
    if found is None:
        return [_bare(body)]
    return _fetched({**body, "response": found}, settings)


def _id(body: JsonObject) -> str:
    return id_of(body.get("event_id"), body)


def _bare(body: JsonObject) -> Reported:
    event = text_at(body, "event_type") or ""
    if event not in _COMPLETED:
        return _reported(body, _id(body), normalise(event), {})
    return _reported(body, _id(body), answer_name("survey", changed=_COMPLETED[event]), answer_at(body, _ANSWER))


def _fetched(body: JsonObject, settings: Settings) -> list[Reported]:
    changed = _COMPLETED.get(text_at(body, "event_type") or "", False)
    words = {**answer_at(body, _ANSWER), **answer_of({"comment": _comment(body, settings)})}
    scored = _scored(body, settings)
    if not scored:
        return [_reported(body, _id(body), answer_name("survey", changed=changed), words)]
    ids = [_id(body)] if len(scored) == 1 else [f"{_id(body)}:{question}" for question in scored]
    return [
        _reported(body, id, answer_name(measure, changed=changed), {"score": score, **words})
        for id, (measure, score) in zip(ids, scored.values(), strict=True)
    ]


def _reported(body: JsonObject, id: str, name: str, properties: JsonObject) -> Reported:
    return Reported(
        id=id,
        name=name,
        vendor=body,
        about=aliases(email=first(body, _ANSWER["respondent_email"]), surveymonkey_recipient=dig(body, "response.recipient_id")),
        occurred_at=moment_of(first(body, "response.date_modified | event_datetime")),
        properties=properties,
    )


def _scored(body: JsonObject, settings: Settings) -> dict[str, tuple[str, int | float]]:
    """What each question measures and its number, by the question's id."""
    found: dict[str, tuple[str, int | float]] = {}
    for question in _questions(body):
        id, answered = text_at(question, "id") or "", dig(question, "answers.0")
        score = _score(answered)
        measure = settings.scores.get(id) if settings.scores else _nps(question, score, found)
        if measure is not None and score is not None and len(id) <= 40:
            found.setdefault(id, (measure, score))
    return found


def _nps(question: JsonObject, score: float | None, found: Mapping[str, Any]) -> Measure | None:
    """An NPS question is a matrix of one row, the weights of whose choices are those of an NPS."""
    weight = number_of(dig(question, "answers.0.choice_metadata.weight"))
    is_matrix = (text_at(question, "family"), text_at(question, "subtype")) in (("matrix", "rating"), (None, None))
    return "nps" if not found and is_matrix and weight in _NPS_WEIGHTS and score is not None and 0 <= score <= 10 else None


def _score(answered: Any) -> int | float | None:
    """The last number in the text of the choice: `10`, `Extremely likely - 10`."""
    numbers = _NUMBER.findall(text_at(answered, "simple_text") or "")
    return number_of(numbers[-1]) if numbers else number_of(dig(answered, "choice_metadata.weight"))


def _comment(body: JsonObject, settings: Settings) -> str | None:
    for question in _questions(body):
        text = text_at(question, "answers.0.text")
        if text and (settings.comment is None or text_at(question, "id") == settings.comment):
            return text
    return None


def _questions(body: JsonObject) -> Iterator[JsonObject]:
    pages = dig(body, "response.pages")
    for page in pages if isinstance(pages, list) else []:
        questions = dig(page, "questions")
        yield from (each for each in (questions if isinstance(questions, list) else []) if isinstance(each, dict))
