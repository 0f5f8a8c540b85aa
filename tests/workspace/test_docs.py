"""Every example in docs/plays.md is taken as it stands."""

import re
from pathlib import Path

import pytest

from services.cli.check import check
from services.rules.core.condition import kinds
from shared.matchers.words import WORDS
from shared.workspace.problems import render

DOCS = (Path(__file__).parents[2] / "docs" / "plays.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", DOCS, re.DOTALL | re.MULTILINE)


def as_files(example: str) -> dict[str, str]:
    """The file that an example is, or the least play around a part of one."""
    if example.startswith("play:"):
        return {"plays/usage-drop.yaml": example}
    if example.startswith("audience:"):
        return {"plays/a.yaml": f"play: a\nwhen: {{event: any}}\n{example}"}
    if example.startswith("when:"):
        return {"plays/a.yaml": f"play: a\n{example}"}
    return {"people.yaml" if "@" in example.split(":", maxsplit=1)[0] else "successplays.yaml": example}


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_right(example: str) -> None:
    files = as_files(example)
    assert render(check(files).problems, files) == ""


def test_every_word_and_every_kind_is_there() -> None:
    assert len(EXAMPLES) > 12
    missing = [word for word in (*WORDS, *kinds()) if f"`{word}`" not in DOCS]
    assert missing == []
