"""YAML 1.2 without surprises, each refusal at its line and column."""

from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workspace.yaml import MAX_BYTES, read_yaml


def read(text: str) -> Any:
    document = read_yaml(text, "f.yaml")
    assert document.problems == []
    return document.data


def refused(text: str) -> list[tuple[str, int, int]]:
    document = read_yaml(text, "f.yaml")
    return [(problem.code, problem.line, problem.column) for problem in document.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("40%", "40%"),
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("-3", -3),
        ("+3", 3),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ('"true"', "true"),
        ("|\n  a\n   b", "a\n b"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_scalars_are_what_yaml_1_2_says(written: str, value: object) -> None:
    found = read(f"a: {written}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read("5: a\ntrue: b\nNO: c\n010: d\n2026-01-01: e") == {
        "5": "a",
        "true": "b",
        "NO": "c",
        "010": "d",
        "2026-01-01": "e",
    }


def test_empty_files_are_nothing() -> None:
    assert read("") is None
    assert read("# only a comment\n") is None
    assert read("---\n") is None


def test_a_version_directive_does_not_change_the_meaning() -> None:
    assert read("%YAML 1.1\n---\na: NO\nb: 010") == {"a": "NO", "b": 10}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", ("duplicate_key", 3, 1)),
        ("a: {b: 1, b: 2}", ("duplicate_key", 1, 11)),
        ("a: &x 5", ("anchor", 1, 4)),
        ("a: !!str 5", ("tag", 1, 4)),
        ("!!python/object:os.system x", ("tag", 1, 1)),
        ("a: ! 5", ("tag", 1, 4)),
        ("a: 1\n---\nb: 2", ("documents", 2, 1)),
        ("? [a]\n: 3", ("key", 1, 3)),
        ("a: [1, {b: .inf}]", ("number", 1, 12)),
        ("a: .nan", ("number", 1, 4)),
        ("a: 9223372036854775808", ("number", 1, 4)),
        ("a: " + "9" * 5000, ("number", 1, 4)),
        ("a: 1e999", ("number", 1, 4)),
        ("a: [1", ("syntax", 1, 6)),
        ("a: b: c", ("syntax", 1, 5)),
        ("a:\n\t- b", ("syntax", 2, 1)),
        ("- a\nb: 1", ("syntax", 2, 1)),
        ("a\x00b", ("syntax", 1, 1)),
    ],
)
def test_each_refusal_has_its_place(text: str, problem: tuple[str, int, int]) -> None:
    assert refused(text) == [problem]


def test_all_that_can_be_read_is_read_before_refusing() -> None:
    assert refused("a: &x 1\nb: *x\nb: 2\nc: !!int 3") == [
        ("anchor", 1, 4),
        ("alias", 2, 4),
        ("duplicate_key", 3, 1),
        ("tag", 4, 4),
    ]


def test_a_template_that_was_not_quoted_is_explained() -> None:
    document = read_yaml("title: {{ account.name }}", "f.yaml")
    assert "quote a text that begins with {{" in document.problems[0].message


def test_an_alias_of_itself_and_a_bomb_of_aliases_are_refused() -> None:
    assert refused("&a [*a]") == [("anchor", 1, 1), ("alias", 1, 5)]
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert {code for code, _, _ in refused(bomb)} == {"anchor", "alias"}


def test_depth_has_a_limit() -> None:
    assert read("[" * 50 + "]" * 50) is not None
    assert refused("[" * 51 + "]" * 51) == [("depth", 1, 51)]
    assert refused("[" * 500 + "]" * 500) == [("depth", 1, 51)]


def test_size_has_a_limit_and_a_large_file_is_refused_at_once() -> None:
    text = "a: " + "x" * (MAX_BYTES - 3)
    assert refused(text) == []
    began = perf_counter()
    assert refused(text + "x") == [("too_large", 1, 1)]
    assert refused("é" * MAX_BYTES * 40) == [("too_large", 1, 1)]
    assert perf_counter() - began < 1


def test_positions_of_keys_and_values() -> None:
    positions = read_yaml("when:\n  silence:\n    of: [user.login, x]\n    for: 14d\n", "f.yaml").positions
    assert positions.key(("when", "silence", "for")) == (4, 5)
    assert positions.value(("when", "silence", "for")) == (4, 10)
    assert positions.value(("when", "silence", "of", 1)) == (3, 22)
    # A tag of a union leads nowhere, what is not there stands for what is around it.
    assert positions.value(("when", "Silence", "silence", "silence", "for")) == (4, 10)
    assert positions.key(("when", "silence", "since")) == (2, 3)
    assert positions.value(()) == (1, 1)


@given(st.text(alphabet="ab:- \n\t[]{}&*!#|>'\"%@`?,0.~<é\x07", max_size=60))
def test_reading_never_raises(text: str) -> None:
    document = read_yaml(text, "f.yaml")
    for problem in document.problems:
        assert problem.line >= 1
        assert problem.column >= 1
