"""The four plays as a step of quixstreams, whose state is one account of the floor.

    python -m benchmarks.peers.quixstreams_step BOOTSTRAP_SERVERS TOPIC LINES FOUND.json

State is in its own store (RocksDB with a changelog topic), the runs go to a topic, offsets are committed every five seconds: its
defaults, at least once. It stops after LINES lines.
"""

import sys
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from quixstreams import Application

from benchmarks.floor import Floor, Line
from benchmarks.peers.found import Found, Run, runs_of, taken, write_found
from benchmarks.peers.kept_account import dump, load

_decode = msgspec.json.Decoder(Line).decode


class Step:
    """Counts the lines, and keeps what was emitted."""

    def __init__(self, application: Any, lines: int) -> None:
        self._application = application
        self._left = lines
        self.began = 0.0
        self.emitted: list[Run] = []

    def take(self, text: bytes, state: Any) -> list[Run]:
        """One line, with the state of its account."""
        if not self.began:
            self.began = time.perf_counter()
        line, floor = _decode(text), Floor()
        kept = state.get_bytes("account")
        if kept is not None:
            floor.accounts[line.account_id] = load(kept)
        runs = list(taken(floor, (line,)))
        state.set_bytes("account", dump(floor.accounts[line.account_id]))
        self.emitted += runs
        self._left -= 1
        if not self._left:
            self._application.stop()
        return runs


def main() -> None:
    """Read the topic from its beginning and leave what was found."""
    servers, name, lines, found = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    with TemporaryDirectory() as folder:
        application = Application(
            broker_address=servers,
            consumer_group=f"quixstreams-{uuid.uuid4().hex[:8]}",
            auto_offset_reset="earliest",
            state_dir=folder,
            loglevel="WARNING",
        )
        step = Step(application, lines)
        topic = application.topic(name, key_deserializer="str", value_deserializer="bytes")
        runs = application.topic(f"{name}.runs", key_serializer="str", value_serializer="json")
        frame = application.dataframe(topic).apply(step.take, stateful=True, expand=True)
        frame.to_topic(runs)
        application.run()
        seconds = time.perf_counter() - step.began
    write_found(found, Found(seconds, runs_of(step.emitted)))


if __name__ == "__main__":
    main()
