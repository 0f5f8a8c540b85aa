"""The project's own Python files, parsed."""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("services", "shared", "migrations", "scripts", "benchmarks", "tests")


class Source(NamedTuple):
    """One file: its path from the root with slashes, the name it is imported by, its text and its tree."""

    path: str
    module: str
    text: str
    tree: ast.Module


@cache
def sources() -> tuple[Source, ...]:
    """Every file, in the order of their paths."""
    return tuple(_read(path) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))


def under(*folders: str) -> Iterator[Source]:
    """The files of some folders, such as `services/rules/core`; a file is its own folder."""
    for source in sources():
        if any(source.path == folder or source.path.startswith(f"{folder}/") for folder in folders):
            yield source


def imports(source: Source) -> Iterator[str]:
    """What a file imports, wherever in it; `from shared.records import Event` is `shared.records.Event`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.path} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def calls(tree: ast.AST) -> Iterator[str]:
    """What is called, as it is written: `datetime.now`, `open`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def offences(files: Iterable[Source], look: Callable[[Source], list[str]]) -> dict[str, list[str]]:
    """What was found, by file; empty when all is well."""
    return {source.path: found for source in files if (found := look(source))}


def within(name: str, modules: tuple[str, ...]) -> bool:
    """Whether a name is one of the modules or something in one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _read(path: Path) -> Source:
    text = path.read_text()
    relative = path.relative_to(ROOT)
    module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    return Source(relative.as_posix(), module, text, ast.parse(text, filename=str(relative)))
