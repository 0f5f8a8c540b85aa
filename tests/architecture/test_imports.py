"""Who may import what. A core decides from its arguments alone; services share records, never code."""

import ast
from collections.abc import Callable

import pytest

from tests.architecture.sources import Source, calls, imports, offences, under, within

SERVICES = ("ingest", "rules", "actions", "console", "cli")

# What `services/*/core` may import, and what it may import may import no more than that itself.
PURE_OF_OURS = (
    *("shared.aliases", "shared.free_mail", "shared.records", "shared.instants", "shared.event_names", "shared.matchers"),
    *("shared.outbound.outcomes", "shared.outbound.retry", "shared.outbound.breaker"),
    *("services.rules.core", "services.actions.core"),
)
PURE_LIBRARIES = ("pydantic", "pydantic_core", "msgspec")
# No os, pathlib, io, socket, random, secrets, time, asyncio, threading, subprocess: nothing that differs from run to run.
PURE_STANDARD = (
    *("abc", "bisect", "collections", "dataclasses", "datetime", "decimal", "difflib", "email.utils", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "typing", "uuid"),
    # Time zones are data that comes with the program; conditions are found by looking into their folder, once.
    *("zoneinfo", "importlib", "pkgutil"),
)
IMPURE_CALLS = ("open", "input", "print", "eval", "exec", "__import__", "hash", "id")
IMPURE_ENDINGS = (".now", ".utcnow", ".today", ".uuid1", ".uuid4", ".localtime", ".formatdate", ".read_text", ".write_text")

PURE_FILES = [
    *under("services/rules/core", "services/actions/core", "shared/matchers", "shared/matchers.py"),
    *under("shared/records.py", "shared/instants.py"),
    *under("shared/outbound/outcomes.py", "shared/outbound/retry.py", "shared/outbound/breaker.py"),
]


def impurities(source: Source) -> list[str]:
    """What a file that should be pure imports or calls."""
    allowed = PURE_OF_OURS + PURE_LIBRARIES + PURE_STANDARD
    imported = [name for name in imports(source) if not within(name, allowed)]
    called = [name for name in calls(source.tree) if name in IMPURE_CALLS or name.endswith(IMPURE_ENDINGS)]
    return imported + called + [name for name in imports(source) if name in ("uuid.uuid1", "uuid.uuid4")]


def importing(modules: tuple[str, ...]) -> Callable[[Source], list[str]]:
    return lambda source: [imported for imported in imports(source) if within(imported, modules)]


def test_a_core_is_pure() -> None:
    assert len(PURE_FILES) > 20
    assert offences(PURE_FILES, impurities) == {}


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from random import choice",
        "import os.path",
        "from shared.db import tables",
        "from uuid import uuid4",
        "def f(moment):\n    return moment.now()",
        "open('x')",
    ],
)
def test_what_is_not_pure_is_seen(text: str) -> None:
    assert impurities(Source("example.py", "example", text, ast.parse(text)))


def test_services_do_not_import_each_other() -> None:
    for service in SERVICES:
        # The command puts them together, and nothing else does.
        others = tuple(f"services.{other}" for other in SERVICES if service not in (other, "cli"))
        assert offences(under(f"services/{service}"), importing(others)) == {}


def test_what_is_shared_knows_no_service() -> None:
    assert offences(under("shared", "migrations"), importing(("services",))) == {}


def test_the_product_needs_nothing_of_the_workshop() -> None:
    assert offences(under("services", "shared", "migrations"), importing(("tests", "scripts", "benchmarks"))) == {}


def test_the_environment_is_read_in_one_place() -> None:
    def reads(source: Source) -> list[str]:
        named = {ast.unparse(node) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)} | set(imports(source))
        return sorted(named & {"os.environ", "os.environb", "os.getenv"})

    found = offences(under("services", "shared", "migrations", "scripts", "benchmarks"), reads)
    assert found == {"shared/settings.py": ["os.environ"]}


def test_only_what_starts_a_service_asks_for_the_hour() -> None:
    def asks(source: Source) -> list[str]:
        if source.path.startswith("services/cli/") or source.path.endswith("/main.py"):
            return []
        asked = {"shared.clock.wall_clock", "time.time", "time.time_ns"}
        return sorted(asked & (set(imports(source)) | set(calls(source.tree))))

    assert offences(under("services", "shared"), asks) == {"shared/clock.py": ["time.time_ns"]}
