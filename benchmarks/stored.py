"""The cost of an event over a long history: the rules service on a database that holds many events already, beside one with few.

The history is loaded by SQL, evenly over five months, among them those of the log that the service then takes.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.service import Servers, connected, in_new_database, run_service, settings_of, write_log
from benchmarks.table import Result
from scripts import kafka, postgres
from shared.db.database import upgrade

FEW = 1_000_000
MANY = 20_000_000

# November 2025 to March 2026, a month being twelve times its year and its number; the log is of January to March 2026.
_LOAD = """
INSERT INTO event (month, fingerprint, account_id, source, id, name, user_id, occurred_at, received_at, position, properties,
                   imported)
SELECT 12 * 2025 + 10 + number % 5, decode(md5(number::text), 'hex'), 'account-' || number % 10000, 'loaded', number::text,
       'page.viewed', 'user-' || number % 70000, at, at, number, '{"path": "/home/' || number % 50 || '"}', false
FROM generate_series(1, $1::bigint) AS number,
     LATERAL (SELECT 1761955200000000 + (number % 5) * 2592000000000 + number * 100000 % 2592000000000) AS moment(at)
"""
_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'event' AND indexname <> 'pk_event'"


def measure_stored(events: int, repeats: int, many: int = MANY, few: int = FEW) -> Result:
    """Microseconds an event over `many` stored events, beside those over `few`."""
    with TemporaryDirectory() as folder, kafka.start(Path(folder)) as broker, postgres.start(durable=True) as server:
        return asyncio.run(_measure(Servers(broker.bootstrap_servers, server.url), events, repeats, many, few))


async def _measure(servers: Servers, events: int, repeats: int, many: int, few: int) -> Result:
    records = await write_log(servers, events)
    over_many = [await _over(servers, many, records) for _ in range(repeats)]
    over_few = [await _over(servers, few, records) for _ in range(repeats)]
    # Whoever disturbs the machine makes it slower, never faster.
    measured, floor = min(over_many) / events * 1e6, min(over_few) / events * 1e6
    return Result(
        what=f"an event over {many:,} stored ones, beside {few:,}",
        unit="us",
        measured=measured,
        floor=floor,
        ratio=floor / measured,
        target=1 / 1.3,
        repeats=repeats,
        detail={"seconds": over_many, "floor_seconds": over_few, "events": events},
    )


async def _over(servers: Servers, stored: int, records: int) -> float:
    async def load_and_run(url: str) -> float:
        await upgrade(settings_of(servers, url, replay=True))
        await _load(url, stored)
        return await run_service(servers, url, records)

    taken, _ = await in_new_database(servers, load_and_run)
    return taken


async def _load(url: str, stored: int) -> None:
    async with connected(url) as connection:
        indexes = await connection.fetch(_INDEXES)
        # An index that is made over rows that are there costs a third of one that grows with them.
        await connection.execute("ALTER TABLE event DROP CONSTRAINT pk_event")
        for name, _ in indexes:
            await connection.execute(f'DROP INDEX "{name}"')
        await connection.execute(_LOAD, stored, timeout=None)
        await connection.execute("ALTER TABLE event ADD CONSTRAINT pk_event PRIMARY KEY (month, account_id, fingerprint)")
        for _, definition in indexes:
            await connection.execute(definition)
        await connection.execute("VACUUM ANALYZE event")
        await connection.execute("CHECKPOINT")
