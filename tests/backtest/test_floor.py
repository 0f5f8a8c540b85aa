"""The benchmark's plays by hand and by the engine: two programs that have nothing in common but what they should do."""

from pathlib import Path

import pytest

from benchmarks.engine import applied_plays, run_engine, run_floor
from benchmarks.generate import generate, write_log
from shared.instants import DAY


@pytest.mark.parametrize("seed", [4, 6, 7])
def test_engine_and_floor_open_and_resolve_the_same_runs(tmp_path: Path, seed: int):
    write_log(tmp_path / "log.jsonl", events=12_000, accounts=12, seed=seed)
    expected = run_floor(tmp_path / "log.jsonl").sorted()
    assert run_engine(tmp_path / "log.jsonl", applied_plays()).sorted() == expected
    assert expected.counts().keys() == {"usage-drop", "urgent-tickets", "nps-detractor", "gone-quiet"}


def test_the_generated_log_is_the_same_each_time_and_in_order():
    first, second = list(generate(500, 10)), list(generate(500, 10))
    assert first == second
    assert [one.received_at for one in first] == sorted(one.received_at for one in first)
    assert all((one.occurred_at or 0) <= one.received_at for one in first)
    assert first[-1].received_at - first[0].received_at < 90 * DAY
