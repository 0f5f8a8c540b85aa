"""Survicate: answers, question by question."""

import hashlib
import hmac

from services.ingest.sources import survicate
from services.ingest.sources.survicate import EXAMPLES
from shared.instants import Instant, parse_instant
from tests.ingest.sources.sending import Vendor
from tests.ingest.sources.telling import altered, incoming, told


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    return {"hmac": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


VENDOR = Vendor("survicate", sign)


def test_vectors_that_were_made_elsewhere_in_hexadecimal_and_base64() -> None:
    # printf '{"a":1}' | openssl dgst -sha256 -hmac shhh
    for header, right in (
        ("82a2822723ef5d74e78b2082b74ec3369cc9cf94e58ed4dc61f5c1e2887fd7c7", True),
        ("gqKCJyPvXXTniyCCt07DNpzJz5TljtTcYfXB4oh/18c=", True),
        ("", False),
    ):
        assert survicate.verified(incoming(b'{"a":1}', {"hmac": header}), survicate.Settings(), [b"shhh"]) is right


def test_a_detractor_is_an_nps_whose_choice_is_the_score() -> None:
    event = told(survicate, EXAMPLES[0])
    assert (event.id, event.name) == ("c0101a21", "nps.answered")
    assert event.about == ("email:ana@acme.example", "survicate:respondent:534759")
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "score": 3,
        "comment": "slow",
        "response_id": "3fa85f64",
        "survey_id": "b92b6eca",
        "survey": "Quarterly",
        "respondent_email": "ana@acme.example",
    }


def test_other_questions_measure_what_the_settings_say() -> None:
    assert told(survicate, EXAMPLES[1]).name == "question.answered"
    event = told(survicate, EXAMPLES[1], scores={"12123": "csat"})
    assert (event.name, event.properties["score"]) == ("csat.answered", 4)


def test_an_nps_that_the_settings_take_for_another_has_its_number_all_the_same() -> None:
    event = told(survicate, EXAMPLES[0], scores={"12120": "ces"})
    assert (event.name, event.properties["score"]) == ("ces.answered", 3)


def test_a_choice_without_a_number_has_no_score() -> None:
    event = told(survicate, altered(EXAMPLES[1], "event.questionAnswered.choice.body", "Great"), scores={"12123": "csat"})
    assert (event.name, "score" in event.properties) == ("csat.answered", False)


def test_a_contact_form_says_who_the_respondent_is() -> None:
    event = told(survicate, EXAMPLES[2])
    assert event.name == "question.answered"
    assert event.same == (("survicate:respondent:534759", "email:ana@acme.example"),)


def test_the_end_of_a_survey_has_no_score() -> None:
    event = told(survicate, EXAMPLES[3])
    assert (event.name, event.properties["survey"], "score" in event.properties) == ("survey.answered", "Quarterly", False)
