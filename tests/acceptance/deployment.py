"""A whole deployment in processes of its own: `up` on the embedded default, or four services on Kafka and PostgreSQL.

Everything is asked for from outside: events go to ingest over HTTP, answers come from the API and from the command.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.acceptance.receiver import SECRET, Receiver
from tests.acceptance.service import COMMAND, ROOT, Service
from tests.acceptance.stored import Stored
from tests.acceptance.waiting import eventually

WORKSPACES = Path(__file__).parent / "workspaces"
WRITE_KEY = "acceptance"
PLACEHOLDER = "http://127.0.0.1:9/tasks"
SERVICES = ("ingest", "rules", "actions", "console")
BACKENDS = ("embedded", "kafka")


class Deployment:
    """`kafka` is (bootstrap servers, database URL), or None for the embedded default."""

    def __init__(
        self, folder: Path, workspace: str, receiver: Receiver, kafka: tuple[str, str] | None = None, **variables: str
    ) -> None:
        self.folder = folder
        self.stored = Stored(folder / "data" / "successplays.db" if kafka is None else kafka[1])
        self.workspace = shutil.copytree(WORKSPACES / workspace, folder / "workspace")
        settings = self.workspace / "successplays.yaml"
        settings.write_text(settings.read_text().replace(PLACEHOLDER, receiver.url))
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "SUCCESSPLAYS_DATA": str(folder / "data"),
            "SUCCESSPLAYS_SECRET": "a secret for the acceptance tests",
            "SUCCESSPLAYS_WRITE_KEY": WRITE_KEY,
            "SUCCESSPLAYS_TOPIC_PREFIX": f"{folder.name}-{time.monotonic_ns()}.",
            # The shortest that an ordinary broker allows.
            "SUCCESSPLAYS_SESSION_TIMEOUT": "6",
            "HOOK_SECRET": SECRET,
            **({"KAFKA_BOOTSTRAP_SERVERS": kafka[0], "DATABASE_URL": kafka[1]} if kafka else {}),
            **variables,
        }
        self.services: dict[str, Service] = {}
        if kafka:
            for name in SERVICES:
                self.add(name, (name,))
        else:
            self.add("up", ("up", "--workspace", str(self.workspace), "--verbose"))
        self.http = httpx.Client(timeout=20, trust_env=False, headers={"Authorization": f"Bearer {WRITE_KEY}"})

    def add(self, name: str, arguments: tuple[str, ...]) -> Service:
        service = self.services[name] = Service(name, arguments, self.environment, self.folder)
        return service

    def service(self, name: str) -> Service:
        """The process that does this; `up` does everything."""
        return self.services.get("up") or self.services[name]

    # ------------------------------------------------------------------ its life

    def __enter__(self) -> Self:
        try:
            for service in self.services.values():
                service.start()
            for service in self.services.values():
                service.wait_ready()
            if "console" in self.services:
                self.command("plays", "apply", "--workspace", str(self.workspace))
            self._wait_until_applied()
        except BaseException as error:
            error.add_note(self.tails)
            self.end()
            raise
        return self

    def _wait_until_applied(self) -> None:
        """What is posted from now on comes after the plays, in every partition."""
        plays = len(list(self.workspace.glob("plays/*.yaml")))
        asked = "SELECT (SELECT count(*) FROM play), (SELECT count(*) FROM outbox)"
        eventually(lambda: self.stored.rows(asked) == [(plays, 0)], f"{plays} plays are applied")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            error.add_note(self.tails)
        self.end()

    def end(self) -> None:
        self.http.close()
        for service in self.services.values():
            service.kill()

    @property
    def tails(self) -> str:
        return "\n".join(f"---- {name} said at last:\n{service.tail}" for name, service in self.services.items())

    # ------------------------------------------------------------------ events in

    def post(self, events: Any, path: str = "/v1/events", **given: Any) -> httpx.Response:
        return self.http.post(f"{self.service('ingest').url}{path}", json=events, **given)

    def send(self, events: list[dict[str, Any]], within: float = 60) -> None:
        """As a client does: what was not acknowledged is sent again."""

        def acknowledged() -> bool:
            try:
                answer = self.post(events)
            except httpx.TransportError:
                return False
            if answer.status_code == 503:
                return False
            assert (answer.status_code, answer.json()["refused"]) == (202, []), answer.text
            return True

        eventually(acknowledged, "the events are acknowledged", within)

    # ------------------------------------------------------------------ answers out

    def command(self, *arguments: str) -> Any:
        """What the command prints with `--json`."""
        environment = self.service("console").environment
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def ask(self, path: str, **params: Any) -> Any:
        """What the API answers."""
        key = (self.folder / "data" / "admin.key").read_text().strip()
        url = f"{self.service('console').url}/api/v1/{path}"
        answer = self.http.get(url, params=params, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Every item of a listing."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.ask(path, limit=500, **params, **cursor)
            items += page["items"]
            if not page.get("next"):
                return items
            cursor = {"cursor": page["next"]}

    def runs(self, **params: Any) -> list[dict[str, Any]]:
        return sorted(self.pages("runs", **params), key=lambda run: str(run["run_id"]))

    def tasks(self, **params: Any) -> list[dict[str, Any]]:
        return self.pages("tasks", **params)


# `with deploy("kafka", "story") as (deployment, receiver):`
Deploy = Callable[..., AbstractContextManager[tuple[Deployment, Receiver]]]
