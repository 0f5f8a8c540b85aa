"""Customer Thermometer: faces and comments, under names that the customer chose."""

from pathlib import Path

import pytest

from services.ingest.errors import Refused
from services.ingest.receiving.check import check_source
from services.ingest.sources import customer_thermometer as thermometer
from services.ingest.sources.customer_thermometer import EXAMPLES
from shared.instants import parse_instant
from tests.ingest.sources.sending import Vendor, sending
from tests.ingest.sources.telling import told

VENDOR = Vendor("customer_thermometer")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_face_is_a_csat() -> None:
    event = told(thermometer, EXAMPLES[0])
    assert (event.id, event.name, event.about) == ("884122", "csat.answered", ("email:ana@acme.example",))
    assert event.occurred_at == parse_instant("2026-03-01T11:59:58Z")
    assert event.properties == {
        "score": 4,
        "scale": 4,
        "comment": "Thank you!",
        "response_id": "884122",
        "survey_id": "77",
        "survey": "Support, March",
        "respondent_email": "ana@acme.example",
        "ticket_id": "4711",
    }


@pytest.mark.parametrize("headers", [FORM, {"content-type": "text/plain"}, {}])
def test_a_form_says_the_same(headers: dict[str, str]) -> None:
    event = told(thermometer, EXAMPLES[1], headers)
    assert (event.id, event.properties["score"], event.properties["comment"]) == ("884123", 1, "Still broken")
    assert event.about == ("email:bo@acme.example",)


@pytest.mark.parametrize("body", [b"", b"no form", b"a=%FF", b"a=%00", b"a=1&" * 300, b"[1]", b"{"])
def test_what_is_neither_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        told(thermometer, body, FORM)
    with pytest.raises(Refused):
        told(thermometer, body)


def test_fields_may_have_other_names_and_faces_other_numbers() -> None:
    body = {"Face": "GREEN", "feedback": "Fine", "recipient": "bo@acme.example"}
    names = {"score": "Face", "comment": "feedback", "respondent_email": "recipient"}
    event = told(thermometer, body, map=names, scores={"gold": 10, "green": 7}, measure="nps")
    assert (event.name, event.properties["score"], event.properties["scale"]) == ("nps.answered", 7, 10)
    assert (event.properties["comment"], event.about) == ("Fine", ("email:bo@acme.example",))


def test_a_number_is_the_score_and_another_word_none() -> None:
    assert told(thermometer, {"response": "3"}).properties == {"score": 3}
    assert told(thermometer, {"response": "Purple"}).properties == {}


def test_the_same_response_without_an_id_has_the_same_id_and_another_has_not() -> None:
    first, again, other = (told(thermometer, {"response": face, "email": "a@b.example"}) for face in ("gold", "gold", "red"))
    assert first.id == again.id != other.id


async def test_comments_that_come_later_change_the_response(tmp_path: Path) -> None:
    async with sending(VENDOR, tmp_path, changes=True) as sender:
        await sender.send(EXAMPLES[0])
        (event,) = sender.journal.events
    assert event.name == "csat.changed"


def test_a_word_that_no_answer_has_is_found_by_the_check() -> None:
    ((place, message),) = check_source("customer_thermometer", {"token": "env:X", "map": {"rating": "Face"}})
    assert (place, "no 'rating'" in message) == (("map", "rating"), True)
