"""SurveyMonkey: ids, and the responses that are fetched for them."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.fetching.contract import Unfetched
from services.ingest.sources import surveymonkey
from services.ingest.sources.contract import Notified, Reported
from services.ingest.sources.surveymonkey import EXAMPLES, Settings, fetch
from shared.instants import Instant, parse_instant
from shared.outbound.outcomes import TryAgain
from shared.records import JsonObject
from tests.ingest.sources.asked import AskedApi
from tests.ingest.sources.sending import Vendor, sending
from tests.ingest.sources.telling import altered, incoming, told

API = {"token": "env:T"}
PATH = "/surveys/4001/responses/5007154325/details"


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    mac = hmac.new(b"client&" + secret.encode(), body, hashlib.sha1).digest()
    return {"sm-apikey": "client", "sm-signature": base64.b64encode(mac).decode()}


VENDOR = Vendor("surveymonkey", sign, headers={"content-type": "application/vnd.surveymonkey.response.v1+json"})


def question(id: str, *answers: JsonObject, family: str = "matrix", subtype: str = "rating") -> JsonObject:
    return {"id": id, "family": family, "subtype": subtype, "answers": list(answers)}


def chosen(text: str, weight: str) -> JsonObject:
    return {"choice_id": "1", "row_id": "2", "simple_text": text, "choice_metadata": {"weight": weight}}


NPS = question("q1", chosen("Extremely likely - 10", "100"))
STARS = question("q2", chosen("4", "4"))
WHY = question("q3", {"text": "Fast.", "simple_text": "Fast."}, family="open_ended", subtype="essay")
MORE = question("q4", {"text": "All of it", "simple_text": "All of it"}, family="open_ended", subtype="essay")


def response(*questions: JsonObject) -> JsonObject:
    contact = {"contact": {"email": {"type": "string", "value": "Ana@Acme.example"}}}
    pages = [{"id": "p1", "questions": [each]} for each in questions]
    modified = "2026-03-01T11:59:50+00:00"
    return {"id": "5007154325", "recipient_id": "77", "metadata": contact, "date_modified": modified, "pages": pages}


async def fetched(found: JsonObject | Unfetched | None, event: str = "response_completed", **settings: Any) -> list[Reported]:
    api = AskedApi({} if found is None else {PATH: found})
    chosen_settings = Settings.model_validate({"api": API, **settings})
    (notified,) = surveymonkey.read(incoming(altered(EXAMPLES[0], "event_type", event)), chosen_settings)
    assert isinstance(notified, Notified)
    events = await fetch(notified, chosen_settings, api)
    assert api.asked == [(PATH, {"simple": "true"})]
    return events


def test_a_vector_that_was_made_elsewhere() -> None:
    # printf '{"a":1}' | openssl dgst -sha1 -hmac 'client&shhh' -binary | base64
    headers = {"sm-apikey": "client", "sm-signature": "8N6tE9cqtAhgVuu5IfvT5kWqPJ8="}
    assert surveymonkey.verified(incoming(b'{"a":1}', headers), Settings(), [b"shhh"])
    assert not surveymonkey.verified(incoming(b'{"a":1}', {**headers, "sm-apikey": "another"}), Settings(), [b"shhh"])


async def test_the_url_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path) as sender:
        assert (await sender.client.head("/v1/sources/surveymonkey")).status_code == 200


async def test_a_response_goes_to_the_log_as_it_is_and_is_fetched_later(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, api=API) as sender:
        assert (await sender.send(EXAMPLES[0])).status_code == 200
        (notified,) = sender.journal.notified
    assert sender.entries == []
    assert (notified.id, notified.thing) == ("10001", "response:5007154325")
    assert json.loads(bytes(notified.vendor)) == json.loads(EXAMPLES[0])


async def test_an_nps_question_is_the_score() -> None:
    (event,) = await fetched(response(STARS, NPS, WHY))
    assert (event.id, event.name) == ("10001", "nps.answered")
    assert event.about == ("email:ana@acme.example", "surveymonkey:recipient:77")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:50Z")
    assert event.properties == {
        "score": 10,
        "comment": "Fast.",
        "response_id": "5007154325",
        "survey_id": "4001",
        "respondent_email": "ana@acme.example",
    }
    assert event.vendor["response"]["pages"][1]["questions"] == [NPS]


async def test_each_score_that_the_settings_name_is_an_event_of_its_own() -> None:
    events = await fetched(response(NPS, STARS, WHY, MORE), scores={"q1": "nps", "q2": "csat", "q9": "ces"}, comment="q4")
    assert [(event.id, event.name, event.properties["score"]) for event in events] == [
        ("10001:q1", "nps.answered", 10),
        ("10001:q2", "csat.answered", 4),
    ]
    assert {event.properties["comment"] for event in events} == {"All of it"}


async def test_a_response_without_a_score_is_a_survey_that_was_answered() -> None:
    (event,) = await fetched(response(STARS, WHY))
    assert (event.name, event.properties["comment"], "score" in event.properties) == ("survey.answered", "Fast.", False)


async def test_what_is_changed_later_changes_the_response() -> None:
    (event,) = await fetched(response(NPS), "response_updated")
    assert event.name == "nps.changed"


async def test_a_response_that_is_gone_is_told_with_what_is_known() -> None:
    (event,) = await fetched(None)
    assert (event.id, event.name, event.properties) == (
        "10001",
        "survey.answered",
        {"response_id": "5007154325", "survey_id": "4001"},
    )


async def test_what_cannot_be_fetched_now_is_tried_again() -> None:
    with pytest.raises(Unfetched):
        await fetched(Unfetched(TryAgain("answered 503")))


@pytest.mark.parametrize(
    "odd", [{}, {"pages": 3}, {"pages": [None, {"questions": {}}]}, {"pages": [{"questions": [{"answers": {}}]}]}]
)
async def test_an_answer_of_any_shape_is_read(odd: JsonObject) -> None:
    (event,) = await fetched(odd)
    assert event.name == "survey.answered"


def test_without_the_api_a_response_has_no_score() -> None:
    event = told(surveymonkey, EXAMPLES[0])
    assert (event.name, event.properties) == ("survey.answered", {"response_id": "5007154325", "survey_id": "4001"})


def test_other_events_keep_their_names_and_are_not_fetched() -> None:
    assert told(surveymonkey, EXAMPLES[1], api=API).name == "response.deleted"
