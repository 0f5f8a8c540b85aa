"""The image and the compose file, as far as they can be checked without Docker."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
OURS = ("upgrade", "ingest", "rules", "actions", "console")


def lint(program: str, *arguments: str) -> str:
    done = subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@cache
def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "deploy" / "compose.yaml")
    return document


def instructions(name: str) -> list[str]:
    """What follows the instruction in the last stage, continued lines joined."""
    last_stage = DOCKERFILE.read_text().replace("\\\n", " ").rpartition("\nFROM ")[2]
    return [line.split(maxsplit=1)[1] for line in last_stage.splitlines() if line.startswith(f"{name} ")]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in shlex.split(line))


def pins(file: Path) -> dict[str, str]:
    """Package and version, with its hashes."""
    return {block.split(" ")[0]: block for block in re.split(r"\n(?=\S)", file.read_text().strip())}


def test_the_linters_find_nothing() -> None:
    assert lint("hadolint", "deploy/Dockerfile") == ""
    assert lint("yamllint", "--strict", "deploy") == ""


@pytest.mark.slow
@pytest.mark.parametrize("service", OURS)
def test_the_command_of_every_container_exists(service: str) -> None:
    command = compose()["services"][service]["command"]
    done = subprocess.run([PROGRAMS / "successplays", *command, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert command[-1] in done.stdout


def test_every_variable_is_one_that_we_read() -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    given = set(compose()["x-environment"]) | {name for name in image_environment() if name.startswith("SUCCESSPLAYS")}
    assert given <= known


def test_every_variable_that_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "deploy" / "compose.yaml").read_text()))
    example = set(re.findall(r"^(\w+)=", (ROOT / "deploy" / "env.example").read_text(), re.MULTILINE))
    assert asked
    assert asked <= example


def test_the_ports_are_the_one_that_we_listen_on() -> None:
    port = str(Settings.model_fields["port"].default)
    assert image_environment()["SUCCESSPLAYS_PORT"] == port
    assert instructions("EXPOSE") == [port]
    published = [entry for service in OURS for entry in compose()["services"][service].get("ports", [])]
    assert sorted(entry.split(":") for entry in published) == [["127.0.0.1", "8080", port], ["127.0.0.1", "8081", port]]
    assert f":{port}/readyz" in compose()["x-ready"]["test"][-1]


def test_every_container_is_watched_and_waits_for_what_it_needs() -> None:
    services = compose()["services"]
    assert set(services) == {"kafka", "database", *OURS}
    for name, service in services.items():
        assert "healthcheck" in service
        if name in ("ingest", "rules", "actions", "console"):
            assert service["depends_on"]["upgrade"] == {"condition": "service_completed_successfully"}
            assert service["depends_on"]["kafka"] == {"condition": "service_healthy"}
        for needed in service.get("depends_on", {}):
            assert needed in services


def test_the_image_does_not_run_as_root() -> None:
    assert instructions("USER") == ["10001"]
    assert instructions("HEALTHCHECK")


def test_the_builder_gets_all_that_is_copied() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert {source for line in copied for source in line.split()} == sent
    assert all((ROOT / source).exists() for source in sent)


def test_the_image_has_the_packages_that_were_tested() -> None:
    tested, shipped = pins(ROOT / "requirements.lock"), pins(ROOT / "deploy" / "requirements.lock")
    assert {name: block for name, block in tested.items() if name in shipped} == shipped
    assert not {name.split("==")[0] for name in shipped} & {"pytest", "mypy", "ruff"}
