"""What vendors write in many ways, as we keep it."""

from typing import Any

import pytest

from services.ingest.words.values import (
    MILLISECOND,
    aliases,
    date_of,
    digest,
    domain_of,
    email_of,
    id_of,
    moment_of,
    number_of,
    text_of,
    traits_of,
    truth_of,
)
from shared.instants import SECOND, parse_instant

NOON = parse_instant("2026-03-01T12:00:00Z")


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("2026-03-01T12:00:00Z", SECOND),
        ("2026-03-01T12:00Z", SECOND),
        ("2026-03-01T12:00:00.000+0000", SECOND),
        ("2026-03-01T13:00:00+01:00", SECOND),
        ("2026-03-01 12:00:00", SECOND),
        (1_772_366_400, SECOND),
        (1_772_366_400.0, SECOND),
        ("1772366400", SECOND),
        (1_772_366_400_000, MILLISECOND),
    ],
)
def test_an_instant_of_every_form(written: Any, unit: int) -> None:
    assert moment_of(written, unit) == NOON


@pytest.mark.parametrize(
    "written", [None, "", "soon", "1969-12-31T23:59:59Z", -1, 10**18, 1e308, "9" * 30, True, [], {}, "10000-01-01"]
)
def test_what_is_no_instant_is_none(written: Any) -> None:
    assert moment_of(written) is None


def test_the_last_second_that_can_be_written_is_an_instant_and_the_next_is_none() -> None:
    assert moment_of(253_402_300_799) == parse_instant("9999-12-31T23:59:59Z")
    assert moment_of(253_402_300_800) is None
    assert moment_of(0) == 0


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Ana@Acme.example", "ana@acme.example"),
        ("Ana Berg <Ana@acme.example>", "ana@acme.example"),
        ("ana", None),
        ("a @ b", None),
        (7, None),
        (None, None),
    ],
)
def test_an_address_is_in_lower_case(written: Any, address: str | None) -> None:
    assert email_of(written) == address


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("Acme.example", "acme.example"),
        ("https://www.acme.example/about?x=1", "acme.example"),
        ("acme.example:8080", "acme.example"),
        ("acme", None),
        ("ac me.example", None),
        ("", None),
        (None, None),
    ],
)
def test_a_domain_is_out_of_an_address_on_the_web(written: Any, domain: str | None) -> None:
    assert domain_of(written) == domain


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (7, 7),
        (7.5, 7.5),
        ("7", 7),
        ("7.50", 7.5),
        ("-3", -3),
        ("1e9", None),
        ("7,5", None),
        (True, None),
        ("", None),
        (None, None),
    ],
)
def test_a_number_may_be_written_as_text(written: Any, number: float | None) -> None:
    assert number_of(written) == number
    assert type(number_of(written)) is type(number)


@pytest.mark.parametrize(("written", "truth"), [("true", True), ("False", False), (True, True), ("yes", None), (1, None)])
def test_true_and_false_may_be_written_as_text(written: Any, truth: bool | None) -> None:
    assert truth_of(written) is truth


@pytest.mark.parametrize(
    ("written", "text"), [("7", "7"), (7, "7"), (" 7 ", "7"), (7.5, None), (True, None), ("", None), (None, None), ([], None)]
)
def test_an_id_is_text_whatever_it_is_written_as(written: Any, text: str | None) -> None:
    assert text_of(written) == text


def test_without_an_id_that_can_be_kept_it_is_a_digest() -> None:
    assert id_of(7, "x") == "7"
    assert id_of("a" * 200, "x") == "a" * 200
    assert len(id_of("a" * 201, "x")) == 32
    assert id_of(None, {"a": 1}) == id_of(None, {"a": 1}) != id_of(None, {"a": 2})
    assert digest("a", "b") != digest("ab")


def test_aliases_are_those_that_are_there_in_their_order() -> None:
    found = aliases(zendesk_org=99, zendesk_user="0", email="Ana@Acme.example", domain="gone")
    assert found == ("zendesk:org:99", "email:ana@acme.example")
    assert aliases(zendesk_org="9" * 300, domain="gmail.com", email="a@gmail.com") == ("email:a@gmail.com",)


def test_traits_are_texts_numbers_and_truths() -> None:
    found = {
        "mrr": "99.5",
        "seats": "many",
        "plan": "pro",
        "owner": ["x"],
        "stage": "",
        "domain": "https://acme.example",
        "vip": True,
    }
    assert traits_of(found) == {"mrr": 99.5, "plan": "pro", "domain": "acme.example", "vip": True}


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        (1_772_366_400, "2026-03-01T12:00:00Z"),
        ("1772366400000", "2026-03-01T12:00:00Z"),
        ("spring", None),
        (-5, None),
        (None, None),
    ],
)
def test_a_date_is_written_as_iso_8601(written: Any, date: str | None) -> None:
    assert date_of(written) == date
