"""docs/sources.md says what the code does, and what it gives to paste is right."""

import re
import textwrap

import pytest
from ruamel.yaml import YAML

from scripts.source_docs import PAGE, page
from services.ingest.receiving.check import check_source
from services.ingest.sources.contract import Source, sources
from services.ingest.words.vocabulary import EVENTS, TRAITS


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m scripts.source_docs"


def test_every_word_and_every_kind_is_on_it() -> None:
    rows = set(re.findall(r"^\| (\w+) \|", page(), re.MULTILINE))
    assert {word for words in EVENTS.values() for word in words} | set(TRAITS) <= rows
    assert {f"## {kind}" for kind in sources()} <= set(page().splitlines())


@pytest.mark.parametrize("source", sources().values(), ids=sources())
def test_the_yaml_to_paste_passes_the_check(source: Source) -> None:
    blocks = [
        textwrap.dedent(block) for block in re.findall(r"^    sources:\n(?:(?:    .*)?\n)+", source.described, re.MULTILINE)
    ]
    entries = {name: entry for block in blocks for name, entry in YAML(typ="safe").load(block)["sources"].items()}
    assert source.kind in {entry.get("kind", name) for name, entry in entries.items()}
    assert {name: found for name, entry in entries.items() if (found := check_source(name, entry))} == {}
