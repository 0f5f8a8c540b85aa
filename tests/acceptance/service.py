"""One `successplays` process: started, killed, told to end, started again on the same port; ended by its own pid."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.acceptance.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "services.cli")
TAIL = 3_000


class Service:
    def __init__(self, name: str, arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.environment = {**environment, "SUCCESSPLAYS_PORT": self.url.rpartition(":")[2]}
        self._arguments = arguments
        self._said = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [*COMMAND, *self._arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        eventually(self._ready, f"{self.name} is ready", within=60)

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended with {self._process.returncode}:\n{self.tail}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def metric(self, name: str) -> float:
        """A metric without labels; 0 while the service does not answer."""
        try:
            text = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False).text
        except httpx.TransportError:
            return 0
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))

    def kill(self) -> None:
        """As a crash does: kill -9."""
        self._end(signal.SIGKILL)

    def end(self) -> int:
        """As an operator does: SIGTERM. The exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    @property
    def tail(self) -> str:
        return self._said.read_text(errors="replace")[-TAIL:] if self._said.exists() else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
