"""Delighted: responses, what changes them, and everything else."""

import hashlib
import hmac

import pytest

from services.ingest.sources import delighted
from services.ingest.sources.delighted import EXAMPLES
from shared.instants import Instant, parse_instant
from tests.ingest.sources.sending import Vendor
from tests.ingest.sources.telling import altered, incoming, told


def sign(body: bytes, secret: str, at: Instant) -> dict[str, str]:
    return {"x-delighted-webhook-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


VENDOR = Vendor("delighted", sign)


def test_a_vector_that_was_made_elsewhere() -> None:
    # printf '{"a":1}' | openssl dgst -sha256 -hmac shhh
    mac = "82a2822723ef5d74e78b2082b74ec3369cc9cf94e58ed4dc61f5c1e2887fd7c7"
    for header, right in ((f"sha256={mac}", True), (f"SHA256={mac.upper()}", True), (mac, False), (f"sha1={mac}", False)):
        request = incoming(b'{"a":1}', {"x-delighted-webhook-signature": header})
        assert delighted.verified(request, delighted.Settings(), [b"shhh"]) is right


def test_a_first_answer_is_one_and_a_comment_changes_it() -> None:
    first, second = told(delighted, EXAMPLES[0]), told(delighted, EXAMPLES[1])
    assert (first.id, first.name, first.about) == ("d1a0c2", "nps.answered", ("email:ana@acme.example", "delighted:person:5975"))
    assert first.properties == {"score": 9, "response_id": "5435", "respondent_email": "ana@acme.example"}
    assert first.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert (second.name, second.properties["comment"], second.properties["response_id"]) == ("nps.changed", "Fast.", "5435")


@pytest.mark.parametrize(
    ("measure", "name"),
    [("csat", "csat.answered"), ("ces", "ces.answered"), ("thumbs", "survey.answered"), (None, "survey.answered")],
)
def test_other_surveys_have_their_own_names(measure: str | None, name: str) -> None:
    assert told(delighted, altered(EXAMPLES[0], "event_data.survey_type", measure)).name == name


def test_what_is_no_response_keeps_its_name() -> None:
    event = told(delighted, EXAMPLES[2])
    assert (event.name, event.properties, event.about[0]) == ("unsubscribe.created", {}, "email:ana@acme.example")
