"""`python -m benchmarks [engine] [service] [latency]`: measure, print a table, write JSON to `benchmarks/results/`."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.engine import measure_engine
from benchmarks.generate import write_log
from benchmarks.table import Result, show
from shared.telemetry import set_up_logging

RESULTS = Path(__file__).parent / "results"


def engine(arguments: argparse.Namespace) -> list[Result]:
    """The engine in process."""
    return [measure_engine(generated(arguments.events), arguments.events, arguments.repeats)]


def service(arguments: argparse.Namespace) -> list[Result]:
    """The rules service on Kafka and PostgreSQL."""
    from benchmarks.service import measure_service

    return [measure_service(arguments.events // 5, arguments.repeats)]


def latency(arguments: argparse.Namespace) -> list[Result]:
    """From POST to the webhook at the receiver."""
    from benchmarks.latency import measure_latency

    return measure_latency(arguments.seconds)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Result]]] = {"engine": engine, "service": service, "latency": latency}


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
    parser.add_argument("--events", type=int, default=1_000_000, help="of the generated log; the service takes a fifth of them")
    parser.add_argument("--seconds", type=float, default=30, help="of the latency's probes")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement, in turns with its floor")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
    # The table is what is to be read; a line for each of thousands of runs is not.
    set_up_logging(logging.WARNING)
    results = [result for name in arguments.names or BENCHMARKS for result in BENCHMARKS[name](arguments)]
    show(results)
    (RESULTS / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)))


if __name__ == "__main__":
    main()
