"""The real command, run as a process: once, or as a system that stays up for a test."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "services.cli"]
ROOT = Path(__file__).resolve().parents[2]
ACME = ROOT / "examples" / "acme"
STARTS_WITHIN = 60.0


@dataclass
class Done:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Place:
    """Where a system is: its data folder and its port; what a command there sees of the environment."""

    data: Path
    port: int
    variables: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        ours = {"SUCCESSPLAYS_DATA": str(self.data), "SUCCESSPLAYS_PORT": str(self.port)}
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **ours, **self.variables}

    def run(self, *arguments: str) -> Done:
        """`successplays ARGUMENTS`, to its end."""
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def write_key(self) -> str:
        return (self.data / "write.key").read_text().strip()

    def post(self, event: dict[str, Any]) -> None:
        answer = httpx.post(
            f"http://127.0.0.1:{self.port}/v1/events",
            json=event,
            headers={"Authorization": f"Bearer {self.write_key()}"},
            timeout=10,
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.run("tasks", "list", "--json").json
        return tasks


def a_place(folder: Path, **variables: str) -> Place:
    """A data folder and a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Place(folder / "data", port, variables)


def until(condition: Callable[[], Any], within: float = 20.0) -> Any:
    """What the condition answers as soon as it is something."""
    ends = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < ends, "it did not come in time"
        time.sleep(0.05)


@dataclass
class System:
    """A command, running."""

    process: subprocess.Popen[str]
    out: Path
    err: Path

    @property
    def said(self) -> str:
        return self.out.read_text() + self.err.read_text()

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def up(place: Place, workspace: Path, *options: str, says: str = "Tasks, from another terminal") -> Iterator[System]:
    """Start the whole system, wait until it says that it is there, and end it."""
    with started(place, "up", "--workspace", str(workspace), *options) as system:
        until(lambda: says in system.said or system.process.poll() is not None, STARTS_WITHIN)
        assert system.process.poll() is None, system.said
        yield system


@contextmanager
def serving(place: Place, service: str) -> Iterator[System]:
    """Start one service, wait until it is ready, and end it."""
    with started(place, service) as system:
        until(lambda: _is_ready(place) or system.process.poll() is not None, STARTS_WITHIN)
        assert system.process.poll() is None, system.said
        yield system


def _is_ready(place: Place) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{place.port}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def started(place: Place, *arguments: str) -> Iterator[System]:
    """A command that goes on until it is ended."""
    place.data.parent.mkdir(parents=True, exist_ok=True)
    out, err = place.data.parent / "out.txt", place.data.parent / "err.txt"
    with out.open("w") as to_out, err.open("w") as to_err:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=place.environment,
            stdout=to_out,
            stderr=to_err,
            text=True,
        )
    try:
        yield System(process, out, err)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def curl_in(said: str) -> str:
    """The `curl` line that `up` printed."""
    found = re.search(r"^ +(curl .*)$", said, re.MULTILINE)
    assert found is not None, said
    return found[1]
