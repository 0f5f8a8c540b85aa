"""Typeform: an event for each score of a response."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

from services.ingest.sources import typeform
from services.ingest.sources.typeform import EXAMPLES
from shared.instants import Instant, parse_instant
from tests.ingest.sources.sending import Vendor, sending
from tests.ingest.sources.telling import all_told, altered, incoming, told


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"typeform-signature": "sha256=" + base64.b64encode(mac).decode()}


VENDOR = Vendor("typeform", sign)


def test_a_vector_that_was_made_elsewhere() -> None:
    # printf '{"a":1}' | openssl dgst -sha256 -hmac shhh -binary | base64
    for header, right in (
        ("sha256=gqKCJyPvXXTniyCCt07DNpzJz5TljtTcYfXB4oh/18c=", True),
        ("gqKCJyPvXXTniyCCt07DNpzJz5TljtTcYfXB4oh/18c=", False),
        ("sha256=", False),
    ):
        assert typeform.verified(incoming(b'{"a":1}', {"typeform-signature": header}), typeform.Settings(), [b"shhh"]) is right


def test_an_nps_question_is_the_score_and_the_first_text_the_comment() -> None:
    event = told(typeform, EXAMPLES[0])
    assert (event.id, event.name, event.about) == ("01HRX1", "nps.answered", ("email:ana@acme.example",))
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "score": 9,
        "comment": "Fast.",
        "response_id": "a3a12ec6",
        "survey_id": "lT4Z3j",
        "survey": "Quarterly",
        "respondent_email": "ana@acme.example",
    }


def test_without_one_the_opinion_scale_is_taken_for_it_and_never_the_stars() -> None:
    event = told(typeform, EXAMPLES[1])
    assert (event.name, event.properties["score"]) == ("nps.answered", 7)
    assert event.about == ("email:bo@acme.example",)


def test_each_score_that_the_settings_name_is_an_event_of_its_own() -> None:
    stars, scale = all_told(typeform, EXAMPLES[1], scores={"stars": "csat", "scale": "ces", "another": "nps"})
    assert (stars.id, stars.name, stars.properties["score"]) == ("01HRX2:stars", "csat.answered", 4)
    assert (scale.id, scale.name, scale.properties["score"]) == ("01HRX2:scale", "ces.answered", 7)
    event = told(typeform, EXAMPLES[1], scores={"stars": "csat"})
    assert (event.id, event.name) == ("01HRX2", "csat.answered")


def test_the_comment_may_be_another_question() -> None:
    body = json.loads(EXAMPLES[0])
    body["form_response"]["answers"].append({"type": "text", "text": "All of it", "field": {"ref": "more"}})
    assert told(typeform, body, comment="more").properties["comment"] == "All of it"
    assert "comment" not in told(typeform, body, comment="nowhere").properties


def test_a_response_without_a_score_is_a_survey_that_was_answered() -> None:
    assert told(typeform, EXAMPLES[2]).name == "survey.answered"


def test_another_type_of_event_keeps_its_name() -> None:
    event = told(typeform, altered(EXAMPLES[0], "event_type", "form_response_partial"))
    assert (event.name, event.properties) == ("form_response.partial", {})


async def test_a_hidden_field_is_the_account(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, account="form_response.hidden.account_id") as form:
        await form.send(EXAMPLES[0])
        (event,) = form.journal.events
    assert (event.account_id, event.about) == ("acme", None)


async def test_a_hidden_field_is_the_user_whose_account_is_asked_for_first(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, user="form_response.hidden.user_id") as form:
        body = json.dumps(altered(EXAMPLES[0], "form_response.hidden.user_id", "u7")).encode()
        await form.send(body)
        (event,) = form.journal.events
    assert (event.user_id, event.about, event.else_about) == ("u7", "user:u7", ("email:ana@acme.example",))
