"""The rules service beside quixstreams and faust, with the floor as their step: one broker, one log, the same runs.

The service checks repeats and keeps documents, runs, history and offsets in one transaction of PostgreSQL; the peers do neither:
they keep their state in their own stores, with a changelog topic, and promise at least once. They know time by events only, so
the log has an event at its end for each account (see `peers/programs.py`), for the service too. A peer's seconds are from its
first line to the last, written and flushed; the service's have its start in them.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.engine import applied_plays, run_floor
from benchmarks.floor import Runs
from benchmarks.generate import BEGIN
from benchmarks.peers.programs import closed_log, run_peer
from benchmarks.service import PARTITIONS, PREFIX, WRITTEN_AT_ONCE, Servers, entry_of, in_new_database, run_service, settings_of
from benchmarks.table import Result, per_second
from scripts import kafka, postgres
from shared.clock import wall_clock
from shared.log import open_log
from shared.log.contract import Entry
from shared.records import Applied, Event, encode
from shared.topics import EVENTS

# The ratio that is asked for.
PEERS = {"quixstreams": 1.3, "faust": 4.0}
PEERS_PREFIX = "peers."


def measure_streams(log: Path, repeats: int) -> list[Result]:
    """Events a second of the rules service beside each peer's, in turns.

    Raises:
        AssertionError: one of them did not make the same runs as the floor.
    """
    with TemporaryDirectory() as folder, kafka.start(Path(folder)) as broker, postgres.start(durable=True) as server:
        return asyncio.run(_measure(Servers(broker.bootstrap_servers, server.url), log, repeats))


async def _measure(servers: Servers, log: Path, repeats: int) -> list[Result]:
    expected = run_floor(log).sorted()
    lines = closed_log(log).read_bytes().splitlines()
    applied = encode(Applied(plays=applied_plays().plays, listening_since=BEGIN))
    ours_first = [Entry("", applied, partition, BEGIN) for partition in range(PARTITIONS)]
    await _write(servers, PREFIX, ours_first + [entry_of(msgspec.json.decode(line, type=Event)) for line in lines])
    await _write(servers, PEERS_PREFIX, map(_as_it_is, lines))
    records = len(lines) + PARTITIONS
    ours: list[float] = []
    theirs: dict[str, list[float]] = {peer: [] for peer in PEERS}
    for _ in range(repeats):
        seconds, rows = await in_new_database(servers, lambda url: run_service(servers, url, records))
        _assert_same("the service", _runs_in(rows), expected)
        ours.append(seconds)
        for peer, measured in theirs.items():
            found = run_peer(f"{peer}_step", servers.bootstrap_servers, PEERS_PREFIX + EVENTS, len(lines))
            _assert_same(peer, found.runs, expected)
            measured.append(found.seconds)
    return [per_second(f"rules service, beside {peer}", len(lines), ours, theirs[peer], target) for peer, target in PEERS.items()]


async def _write(servers: Servers, prefix: str, entries: Iterable[Entry]) -> None:
    """A log of its own; its topic for runs too."""
    log = await open_log(settings_of(servers, servers.postgres, replay=True, prefix=prefix), wall_clock)
    try:
        everything = list(entries)
        for first in range(0, len(everything), WRITTEN_AT_ONCE):
            await log.append(EVENTS, everything[first : first + WRITTEN_AT_ONCE])
    finally:
        await log.close()


def _as_it_is(line: bytes) -> Entry:
    """The peers read the times in the line."""
    event = msgspec.json.decode(line, type=Event)
    return Entry(event.account_id or "", line, None, event.received_at)


def _runs_in(rows: list[Any]) -> Runs:
    opened = [(play, account, at) for play, account, at, _ in rows]
    return Runs(opened, [(play, account, at, end) for play, account, at, end in rows if end is not None])


def _assert_same(who: str, found: Runs, expected: Runs) -> None:
    assert found.sorted() == expected, f"{who} has other runs ({found.counts()}) than the floor ({expected.counts()})"
