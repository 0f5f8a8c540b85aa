"""The four plays as a step of bytewax, whose state is the floor of one account.

    python -m benchmarks.peers.bytewax_step FORM LOG.jsonl FOUND.json

FORM is one of three; recovery is off in all, nothing is stored:

* `map`: the log line by line from a `FileSource`, decoded by `map`, and a `stateful_map`, as its documentation begins;
* `flat_map`: the same with `stateful_flat_map`, which hands nothing on for an event that opens no run;
* `batch`: the fastest that we found, a source of our own that hands on lists of decoded lines, and a `stateful_batch` that takes
  all lines of an account in such a list at once.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import TestingSink, run_main

from benchmarks.floor import Floor, Line
from benchmarks.peers.found import Found, Run, runs_of, taken, write_found

BYTES_AT_ONCE = 1 << 20


# ------------------------------------------------------------------ line by line


def by_map(flow: Dataflow, log: Path) -> Any:
    """The stream of (account, run)."""
    decided = op.stateful_map("plays", decoded(flow, log), hear)
    return op.flat_map_value("each_run", decided, lambda runs: runs)


def by_flat_map(flow: Dataflow, log: Path) -> Any:
    """The stream of (account, run)."""
    return op.stateful_flat_map("plays", decoded(flow, log), hear)


def decoded(flow: Dataflow, log: Path) -> Any:
    """The stream of (account, line)."""
    texts = op.input("texts", flow, FileSource(log))
    lines = op.map("decode", texts, msgspec.json.Decoder(Line).decode)
    return op.key_on("by_account", lines, lambda line: line.account_id)


def hear(floor: Floor | None, line: Line) -> tuple[Floor, Sequence[Run]]:
    """Take one line of an account."""
    if floor is None:
        floor = Floor()
    return floor, taken(floor, (line,))


# ------------------------------------------------------------------ batch by batch


def by_batch(flow: Dataflow, log: Path) -> Any:
    """The stream of (account, run)."""
    lines = op.input("lines", flow, LinesSource(log))
    by_account = op.key_on("by_account", lines, lambda line: line.account_id)
    return op.stateful_batch("plays", by_account, lambda _: OneAccount())


class Lines(StatelessSourcePartition[Line]):
    """The lines of the log, decoded as the floor does it: about a megabyte at once."""

    def __init__(self, log: Path) -> None:
        self._file = log.open("rb")
        self._decode = msgspec.json.Decoder(Line).decode_lines

    def next_batch(self) -> list[Line]:
        """The next of them."""
        read = self._file.read(BYTES_AT_ONCE)
        if not read:
            raise StopIteration
        return self._decode(read + self._file.readline())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LinesSource(DynamicSource[Line]):
    """The log, for one worker."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Lines:
        """The one partition."""
        return Lines(self._log)


class OneAccount(StatefulBatchLogic[Line, Run, None]):
    """One account by the floor."""

    def __init__(self) -> None:
        self._floor = Floor()

    def on_batch(self, values: list[Line]) -> tuple[Sequence[Run], bool]:
        """Take some of its lines."""
        return taken(self._floor, values), False

    def snapshot(self) -> None:
        """Nothing is recovered."""


FORMS = {"map": by_map, "flat_map": by_flat_map, "batch": by_batch}


def main() -> None:
    """Run the flow and leave what it found."""
    form, log, found = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    runs: list[tuple[str, Run]] = []
    flow = Dataflow("plays")
    op.output("runs", FORMS[form](flow, log), TestingSink(runs))
    began = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - began
    write_found(found, Found(seconds, runs_of(run for _, run in runs)))


if __name__ == "__main__":
    main()
