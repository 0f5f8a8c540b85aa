"""The engine in process, beside the floor: both read the same lines of a file, decode them, and count runs. Nothing is stored."""

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from benchmarks.floor import Counts, Floor, Line
from benchmarks.table import Result, per_second
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account
from shared.records import Applied, AppliedPlay, Event

CHUNK = 4 << 20  # bytes read at once


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


def run_floor(log: Path) -> Counts:
    """The four plays by hand."""
    decode = msgspec.json.Decoder(Line).decode_lines
    floor = Floor()
    last: list[Line] = []
    for chunk in chunks(log):
        last = decode(chunk)
        floor.take(last)
    return floor.end(last[-1].received_at)


def run_engine(log: Path, applied: Applied) -> Counts:
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
    return counted(applied, effects)


def counted(applied: Applied, effects: Effects) -> Counts:
    """How many runs each play opened and resolved."""
    counts = Counts({play.play: 0 for play in applied.plays}, {play.play: 0 for play in applied.plays})
    for opened in effects.opened:
        counts.opened[opened.play] += 1
    for resolved in effects.resolved:
        counts.resolved[resolved.play] += 1
    return counts


def seconds(work: Callable[[], Counts]) -> tuple[float, Counts]:
    """How long `work` took, on a heap that earlier work does not burden."""
    gc.collect()
    began = time.perf_counter()
    counts = work()
    return time.perf_counter() - began, counts


def measure_engine(log: Path, events: int, repeats: int) -> Result:
    """Events a second of the engine beside the floor's, in turns, in this process.

    Raises:
        AssertionError: the two did not open and resolve the same number of runs.
    """
    applied = applied_plays()
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(repeats):
        floor_seconds, expected = seconds(lambda: run_floor(log))
        engine_seconds, counts = seconds(lambda: run_engine(log, applied))
        assert counts == expected, f"the engine counts {counts}, the floor {expected}"
        floors.append(floor_seconds)
        ours.append(engine_seconds)
    return per_second("engine in process, four plays", events, ours, floors, target=0.3)
