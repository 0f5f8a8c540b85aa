"""The destinations of docs/actions.md are right as they stand there."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from services.actions.check import check_destination
from services.actions.connectors.contract import connectors

PAGE = (Path(__file__).resolve().parents[2] / "docs/actions.md").read_text()
EXAMPLES = [YAML(typ="safe").load(found) for found in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_right(example: dict[str, dict[str, dict[str, object]]]) -> None:
    for name, settings in example["destinations"].items():
        assert check_destination(name, settings) == []


def test_every_kind_has_its_section() -> None:
    assert set(connectors()) <= set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE))
    assert len(EXAMPLES) == len(connectors()) - 1
