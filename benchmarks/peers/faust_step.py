"""The four plays as a step of faust-streaming, whose table holds one account of the floor for each key.

    python -m benchmarks.peers.faust_step BOOTSTRAP_SERVERS TOPIC LINES FOUND.json

Its table is in memory with a changelog topic, its default (RocksDB was no faster); the runs go to a topic. What is written waits
50 ms for company, which is faster than its default of none; at least once. It stops after LINES lines.
"""

import asyncio
import sys
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import faust
import msgspec

from benchmarks.floor import Floor, Line
from benchmarks.peers.found import Found, Run, runs_of, taken, write_found
from benchmarks.peers.kept_account import dump, load

PARTITIONS = 4

_decode = msgspec.json.Decoder(Line).decode
_encode = msgspec.json.Encoder().encode


async def run(servers: str, name: str, lines: int, folder: str) -> Found:
    """Read the topic from its beginning until so many lines were taken."""
    application = faust.App(
        f"faust-{uuid.uuid4().hex[:8]}",
        broker=f"kafka://{servers}",
        store="memory://",
        datadir=folder,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        key_serializer="raw",
        value_serializer="raw",
        producer_linger=0.05,
        web_enabled=False,
    )
    events = application.topic(name, key_type=bytes, value_type=bytes, partitions=PARTITIONS)
    runs = application.topic(f"{name}.runs", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
    accounts = application.Table("accounts", key_type=bytes, value_type=bytes)
    emitted: list[Run] = []
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    @application.agent(events)
    async def plays(texts: Any) -> None:
        left, began = lines, 0.0
        async for key, text in texts.items():
            began = began or time.perf_counter()
            line, floor = _decode(text), Floor()
            kept = accounts.get(key)
            if kept is not None:
                floor.accounts[line.account_id] = load(kept)
            for emitted_run in taken(floor, (line,)):
                emitted.append(emitted_run)
                await runs.send(key=key, value=_encode(emitted_run))
            accounts[key] = dump(floor.accounts[line.account_id])
            left -= 1
            if not left:
                done.set_result(began)

    await application.start()
    began = await done
    await application.producer.flush()
    seconds = time.perf_counter() - began
    await application.stop()
    return Found(seconds, runs_of(emitted))


def main() -> None:
    """Run it and leave what was found."""
    servers, name, lines, found = sys.argv[1:]
    with TemporaryDirectory() as folder:
        write_found(Path(found), asyncio.run(run(servers, name, int(lines), folder)))


if __name__ == "__main__":
    main()
