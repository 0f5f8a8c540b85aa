"""The engine in process, beside the floor: both read the same lines of a file and find the same runs. Nothing is stored."""

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from benchmarks.floor import Floor, Line, Runs
from benchmarks.table import Result, per_second
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from shared.records import Applied, AppliedPlay, Event

# Bytes read at once: what they decode to stays in the processor's cache, for the floor too.
CHUNK = 256 << 10


def applied_plays() -> Applied:
    """The four plays of `benchmarks/plays/`."""
    files = sorted((Path(__file__).parent / "plays").glob("*.yaml"))
    documents = [YAML(typ="safe", pure=True).load(file.read_text()) for file in files]
    return Applied(plays=[AppliedPlay(play=document["play"], version=1, document=document) for document in documents])


def chunks(log: Path) -> Iterator[bytes]:
    """Whole lines, about `CHUNK` bytes of them at once."""
    with log.open("rb") as lines:
        while chunk := lines.read(CHUNK):
            yield chunk + lines.readline()


def run_floor(log: Path) -> Runs:
    """The four plays by hand."""
    decode = msgspec.json.Decoder(Line).decode_lines
    floor = Floor()
    last: list[Line] = []
    for chunk in chunks(log):
        last = decode(chunk)
        floor.take(last)
    return floor.end(last[-1].received_at)


def run_engine(log: Path, applied: Applied) -> Runs:
    """The same four plays by the engine."""
    engine = Engine(applied)
    decode = msgspec.json.Decoder(Event).decode_lines
    accounts: dict[str, Account] = {}
    effects = Effects()
    now = 0
    for chunk in chunks(log):
        for event in decode(chunk):
            now = event.received_at
            account = accounts.get(event.account_id or "")
            if account is None:
                account = accounts[event.account_id or ""] = Account(event.account_id or "", now, {})
            engine.take(account, event, effects)
    for account in accounts.values():
        engine.pass_time(account, now + 1, effects)
    return decided(effects)


def decided(effects: Effects) -> Runs:
    """What the engine decided, as the floor says it."""
    names = {opened.run_id: (opened.play, opened.account_id, opened.opened_at) for opened in effects.opened}
    return Runs(list(names.values()), [(*names[resolved.run_id], resolved.resolved_at) for resolved in effects.resolved])


def seconds(work: Callable[[], Runs]) -> tuple[float, Runs]:
    """How long `work` took, on a heap that earlier work does not burden."""
    gc.collect()
    began = time.perf_counter()
    runs = work()
    return time.perf_counter() - began, runs.sorted()


def measure_engine(log: Path, events: int, repeats: int) -> Result:
    """Events a second of the engine beside the floor's, in turns, in this process.

    Raises:
        AssertionError: the two did not open and resolve the same runs at the same instants.
    """
    applied = applied_plays()
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(repeats):
        floor_seconds, expected = seconds(lambda: run_floor(log))
        engine_seconds, found = seconds(lambda: run_engine(log, applied))
        assert found == expected, f"the engine has other runs ({found.counts()}) than the floor ({expected.counts()})"
        floors.append(floor_seconds)
        ours.append(engine_seconds)
    return per_second("engine in process, four plays", events, ours, floors, target=0.5)
