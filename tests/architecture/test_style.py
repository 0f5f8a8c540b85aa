"""Sizes and names: what a stranger should be able to take in, in the words of the glossary."""

import ast
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from statistics import quantiles

from tests.architecture.sources import ROOT, Source, offences, sources, under

MOST_LINES = 400
FORBIDDEN_FILES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc", "tools", "impl"}
FORBIDDEN_ENDINGS = ("Manager", "Handler", "Helper", "Helpers", "Processor", "Base", "Impl", "Util", "Utils", "Mixin")
# Each with a name of its own, so that this file does not find itself.
UNFINISHED = re.compile(r"#.*\b(TO" + "DO|FIX" + "ME|X" + "XX|HA" + r"CK)\b")
CODE_FAKED = re.compile(r"\b(mock\.|monkey" + r"patch\.setattr|pat" + r"ch\()")
NOT_RUN = re.compile(r"\b(pytest|unittest)\.(mark\.)?(sk" + r"ip|sk" + r"ipif|importorsk" + r"ip|xf" + r"ail)\b")


def test_no_file_is_too_long() -> None:
    assert [source.path for source in sources() if source.text.count("\n") > MOST_LINES] == []


def test_most_files_and_functions_are_short() -> None:
    product = list(under("services", "shared"))
    functions = [
        node.end_lineno - node.lineno + 1
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    # Nine of ten.
    assert quantiles([source.text.count("\n") for source in product], n=10)[-1] <= 250
    assert quantiles(functions, n=10)[-1] <= 25


def test_names_come_from_the_glossary() -> None:
    def foreign(source: Source) -> list[str]:
        files = FORBIDDEN_FILES & set(PurePosixPath(source.path).with_suffix("").parts)
        classes = [node.name for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
        return [*files, *(name for name in classes if name.endswith(FORBIDDEN_ENDINGS))]

    assert offences(sources(), foreign) == {}


def test_nothing_is_left_for_later() -> None:
    assert offences(sources(), lines_with(UNFINISHED)) == {}


def test_tests_fake_boundaries_never_code() -> None:
    assert offences(under("tests", "benchmarks"), lines_with(CODE_FAKED)) == {}


def test_every_test_runs() -> None:
    assert offences(under("tests"), lines_with(NOT_RUN)) == {}


def test_every_folder_of_code_is_a_package() -> None:
    folders = {(ROOT / source.path).parent for source in sources()}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def lines_with(pattern: re.Pattern[str]) -> Callable[[Source], list[str]]:
    return lambda source: [line for line in source.text.splitlines() if pattern.search(line)]
