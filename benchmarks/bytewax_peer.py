"""The engine in process, beside bytewax with the floor as its step: the same lines, the same runs, nothing stored."""

from pathlib import Path

from benchmarks.engine import applied_plays, run_engine, run_floor, seconds
from benchmarks.peers.programs import closed_log, run_peer
from benchmarks.table import Result, per_second

# How the step is written (see `peers/bytewax_step.py`), and the ratio that is asked for.
FORMS = {"map": 2.5, "flat_map": None, "batch": None}


def measure_bytewax(log: Path, events: int, repeats: int) -> list[Result]:
    """Events a second of the engine beside bytewax's in each form, in turns.

    Raises:
        AssertionError: one of them did not open and resolve the same runs at the same instants.
    """
    applied, closed = applied_plays(), closed_log(log)
    expected = run_floor(log).sorted()
    ours: list[float] = []
    theirs: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(repeats):
        engine_seconds, runs = seconds(lambda: run_engine(log, applied))
        assert runs == expected, f"the engine has other runs ({runs.counts()}) than the floor ({expected.counts()})"
        ours.append(engine_seconds)
        for form, measured in theirs.items():
            found = run_peer("bytewax_step", form, closed)
            assert found.runs.sorted() == expected, f"bytewax has other runs ({found.runs.counts()}) than the floor"
            measured.append(found.seconds)
    return [
        per_second(f"engine in process, beside bytewax ({form})", events, ours, theirs[form], target)
        for form, target in FORMS.items()
    ]
