"""The benchmarks in process on a tiny log: they still run, and what they compare still decides the same."""

from pathlib import Path

import pytest
from msgspec.json import Decoder

from benchmarks.__main__ import BENCHMARKS, ONLY_BY_NAME
from benchmarks.documents import document_sizes, measure_documents
from benchmarks.engine import measure_engine, run_floor
from benchmarks.floor import Floor, Line
from benchmarks.generate import write_log
from benchmarks.idle import measure_idle
from benchmarks.midnight import measure_midnight
from benchmarks.peers.found import Run, runs_of, taken
from benchmarks.peers.kept_account import dump, load
from benchmarks.peers.programs import closed_log
from benchmarks.plays_wanted import measure_plays_wanted


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    write_log(path, events=3_000, accounts=30)
    return path


def test_the_engine_and_the_floor_make_the_same_runs(log):
    assert measure_engine(log, events=3_000, repeats=1).ratio > 0


def test_a_document_has_a_size(log):
    sizes = document_sizes(log)
    assert sizes
    assert min(sizes) > 50
    median, largest = measure_documents(log)
    assert median.measured <= largest.measured == max(sizes)


def test_an_event_among_a_hundred_plays_stands_beside_five():
    result = measure_plays_wanted(events=400, repeats=1)
    assert result.measured > 0
    assert result.floor > 0


def test_of_the_accounts_with_a_drop_some_have_something_to_decide_at_midnight():
    assert measure_midnight(accounts=21, repeats=1).detail["due"] in range(1, 21)


def test_of_idle_accounts_few_are_looked_at():
    result = measure_idle(accounts=60, different=60)
    assert 0 < result.floor <= result.measured < 20


def test_the_step_of_a_peer_decides_what_the_floor_decides(log):
    floors: dict[str, Floor] = {}
    emitted: list[Run] = []
    for line in closed_lines(log):
        emitted += taken(floors.setdefault(line.account_id, Floor()), (line,))
    found = runs_of(emitted).sorted()
    assert found.opened
    assert found == run_floor(log).sorted()


def test_a_peers_state_is_read_back_as_it_was_written(log):
    stored: dict[str, bytes] = {}
    emitted: list[Run] = []
    for line in closed_lines(log):
        floor, name = Floor(), line.account_id
        if name in stored:
            floor.accounts[name] = load(stored[name])
        emitted += taken(floor, (line,))
        stored[name] = dump(floor.accounts[name])
    assert runs_of(emitted).sorted() == run_floor(log).sorted()


def closed_lines(log: Path) -> list[Line]:
    return Decoder(Line).decode_lines(closed_log(log).read_bytes())


def test_what_runs_only_by_name_is_a_benchmark():
    assert set(BENCHMARKS) > ONLY_BY_NAME
