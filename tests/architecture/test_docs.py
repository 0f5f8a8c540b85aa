"""What the pages say about the project is so: links lead somewhere, targets and variables exist."""

import re
from pathlib import Path

from shared.settings import Settings
from tests.architecture.sources import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]


def found(pattern: str, *files: Path) -> set[str]:
    return {match for file in files for match in re.findall(pattern, file.read_text(), re.MULTILINE)}


def test_links_lead_somewhere() -> None:
    broken = {
        f"{page.relative_to(ROOT)}: {link}"
        for page in PAGES
        for link in found(r"\]\(([^)#]+)", page)
        if "://" not in link and not (page.parent / link).exists()
    }
    assert broken == set()


def test_files_that_are_named_exist() -> None:
    named = found(r"`((?:services|shared|tests|docs|scripts|deploy|migrations|examples|benchmarks)/[\w./-]+)`", *PAGES)
    # What a benchmark writes is not kept.
    missing = {path for path in named if not (ROOT / path).exists()}
    assert {path for path in missing if not path.startswith("benchmarks/results/")} == set()


def test_every_target_of_make_that_a_page_names_exists() -> None:
    targets = found(r"^([a-z]+):", ROOT / "Makefile")
    assert found(r"(?:^|`)make ([a-z]+)\b", *PAGES) <= targets


def test_the_readme_lists_every_variable() -> None:
    variables = {field.alias for field in Settings.model_fields.values() if field.alias}
    security = {name for name in variables if name.startswith(("KAFKA_SASL", "KAFKA_SSL", "KAFKA_SECURITY"))}
    assert variables - security <= found(r"`([A-Z_]+)`", ROOT / "README.md")
