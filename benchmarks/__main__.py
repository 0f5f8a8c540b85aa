"""`python -m benchmarks [NAME...]`: measure, print a table, write JSON to `benchmarks/results/`.

Without a name it runs those that together take about three minutes; the others must be named.
"""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.bytewax_peer import measure_bytewax
from benchmarks.documents import measure_documents
from benchmarks.engine import measure_engine
from benchmarks.generate import write_log
from benchmarks.idle import measure_idle
from benchmarks.midnight import measure_midnight
from benchmarks.plays_wanted import measure_plays_wanted
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


def embedded(arguments: argparse.Namespace) -> list[Result]:
    """The rules service on the embedded log and SQLite."""
    from benchmarks.embedded import measure_embedded

    events = arguments.events // 5
    return [measure_embedded(generated(events), events, arguments.repeats)]


def workers(arguments: argparse.Namespace) -> list[Result]:
    """Two rules workers beside one."""
    from benchmarks.workers import measure_workers

    return [measure_workers(arguments.events // 5, arguments.repeats)]


def stored(arguments: argparse.Namespace) -> list[Result]:
    """An event over a long history, beside one over a short one."""
    from benchmarks.stored import measure_stored

    return [measure_stored(arguments.events // 10, arguments.repeats, arguments.stored)]


def latency(arguments: argparse.Namespace) -> list[Result]:
    """From POST to the webhook at the receiver."""
    from benchmarks.latency import measure_latency

    return measure_latency(arguments.seconds)


def ingest(arguments: argparse.Namespace) -> list[Result]:
    """Ingest beside the endpoint that one would write first."""
    from benchmarks.ingest import measure_ingest

    return measure_ingest(arguments.repeats, arguments.events)


def documents(arguments: argparse.Namespace) -> list[Result]:
    """The size of what is stored of a subject."""
    return measure_documents(generated(arguments.events // 10))


def wanted(arguments: argparse.Namespace) -> list[Result]:
    """An event that few of many plays want."""
    return [measure_plays_wanted(arguments.events // 20, arguments.repeats)]


def midnight(arguments: argparse.Namespace) -> list[Result]:
    """A deadline of every account at one instant."""
    return [measure_midnight(arguments.accounts // 20, arguments.repeats)]


def idle(arguments: argparse.Namespace) -> list[Result]:
    """A day in which nothing happens."""
    return [measure_idle(arguments.accounts)]


def bytewax(arguments: argparse.Namespace) -> list[Result]:
    """The engine in process beside bytewax."""
    return measure_bytewax(generated(arguments.events), arguments.events, arguments.repeats)


def streams(arguments: argparse.Namespace) -> list[Result]:
    """The rules service beside quixstreams and faust."""
    from benchmarks.streams import measure_streams

    return measure_streams(generated(arguments.events // 10), arguments.repeats)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Result]]] = {
    "engine": engine,
    "documents": documents,
    "wanted": wanted,
    "midnight": midnight,
    "idle": idle,
    "service": service,
    "embedded": embedded,
    "workers": workers,
    "stored": stored,
    "latency": latency,
    "ingest": ingest,
    "bytewax": bytewax,
    "streams": streams,
}
# These take minutes, or something that `make setup` does not install.
ONLY_BY_NAME = {"workers", "stored", "ingest", "bytewax", "streams"}


def generated(events: int) -> Path:
    """The generated log with so many events, ten thousand accounts to a million; written once."""
    log = RESULTS / f"events-{events}.jsonl"
    if not log.exists():
        write_log(log, events=events, accounts=max(10, events // 100))
    return log


def main() -> None:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; without a name the short ones")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the generated log; some benchmarks take a part")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="that are idle; a twentieth of them have a midnight")
    parser.add_argument("--stored", type=int, default=20_000_000, help="events in the database of the long history")
    parser.add_argument("--seconds", type=float, default=30, help="of the latency's probes")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement, in turns with its floor")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
    # The table is what is to be read; a line for each of thousands of runs is not.
    set_up_logging(logging.WARNING)
    names = arguments.names or [name for name in BENCHMARKS if name not in ONLY_BY_NAME]
    results = [result for name in names for result in BENCHMARKS[name](arguments)]
    show(results)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)))


if __name__ == "__main__":
    main()
