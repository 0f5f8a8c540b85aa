"""A PostgreSQL server of one's own, from Debian's package, for tests and benchmarks.

    .venv/bin/python -m scripts.postgres FOLDER        runs it until Ctrl-C and prints its URL

It listens on a free port of 127.0.0.1 and trusts whoever comes. PostgreSQL refuses to run as root: started by root, it runs as
the user postgres.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

START_SECONDS = 60
_ORDINARY = {
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "warning",
}
# For tests: nothing here has to survive a power cut.
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresNotStarted(Exception):
    """The server is not installed or did not come up; the message says what to do, or ends with the server's own log."""


class Postgres:
    """One running server. `url` leads to its database `postgres`."""

    def __init__(self, folder: Path, port: int, durable: bool) -> None:
        self.port = port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._log = folder / "server.log"
        settings = _ORDINARY | ({} if durable else _FORGETFUL) | {"port": str(port)}
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        self._command = _as_postgres([str(_programs() / "postgres"), "-D", str(folder / "data"), *arguments])
        self._process = self._launch()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def stop(self) -> None:
        """Shut down in order; connections are broken off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Break down as at a power cut. What was committed is there after `restart`, unless it was started forgetful."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Start again, on the same port and data, after `stop` or `kill`."""
        self._process = self._launch()

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(timeout=30)

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            # A new session: Ctrl-C reaches who started it, and that one ends the server.
            process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        ready = [str(_programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        while subprocess.run(ready, check=False).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise PostgresNotStarted(f"PostgreSQL did not start; its log ends with\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        return process


@contextmanager
def start(folder: Path | None = None, *, durable: bool = False) -> Iterator[Postgres]:
    """Make a cluster in `folder` (kept, and used again when it is there already) or in a temporary one, and run it.

    Raises PostgresNotStarted.
    """
    if folder is None:
        # Not below a folder that only root may enter, as pytest's are.
        with tempfile.TemporaryDirectory(prefix="successplays-postgres-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
            with start(Path(temporary), durable=durable) as server:
                yield server
            return
    _make_cluster(folder)
    server = Postgres(folder, _free_port(), durable)
    try:
        yield server
    finally:
        server.stop()


def _make_cluster(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.log").touch()
    if (folder / "data" / "PG_VERSION").exists():
        return
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    initdb = [str(_programs() / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    # The order of the C locale is that of SQLite and of Python.
    command = _as_postgres([*initdb, "--locale=C", "--no-sync", "--no-instructions"])
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise PostgresNotStarted(f"initdb could not make a cluster in {folder}: {made.stderr.strip()}")


def _programs() -> Path:
    """Debian keeps the server's programs off the PATH, a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    if elsewhere is None:
        raise PostgresNotStarted("PostgreSQL is not installed: sudo apt-get install postgresql")
    return Path(elsewhere).resolve().parent


def _as_postgres(command: list[str]) -> list[str]:
    # The server ends with whoever started it, even when that one was killed.
    end_with_us = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return [*end_with_us, *command]
    return [*end_with_us, "--reuid", "postgres", "--regid", "postgres", "--init-groups", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Run a server until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="where its data is kept")
    parser.add_argument("--durable", action="store_true", help="survive a power cut, at the price of speed")
    arguments = parser.parse_args()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    try:
        with start(arguments.folder.resolve(), durable=arguments.durable) as server:
            print(server.url, flush=True)
            signal.pause()
    except PostgresNotStarted as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
