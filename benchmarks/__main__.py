"""`python -m benchmarks [engine] [rules] [latency]`: measure, print a table, write JSON to `benchmarks/results/`."""

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.engine import measure_engine
from benchmarks.generate import write_log
from benchmarks.table import Result, show

RESULTS = Path(__file__).parent / "results"


def engine(arguments: argparse.Namespace) -> list[Result]:
    """The engine in process."""
    return [measure_engine(generated(arguments.events), arguments.events, arguments.repeats)]


BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Result]]] = {"engine": engine}


def generated(events: int) -> Path:
    """The generated log with so many events, ten thousand accounts to a million; written once."""
    log = RESULTS / f"events-{events}.jsonl"
    if not log.exists():
        write_log(log, events=events, accounts=max(10, events // 100))
    return log


def main() -> None:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all without a name")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the generated log")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement, in turns with its floor")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
    results = [result for name in arguments.names or BENCHMARKS for result in BENCHMARKS[name](arguments)]
    show(results)
    (RESULTS / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)))


if __name__ == "__main__":
    main()
