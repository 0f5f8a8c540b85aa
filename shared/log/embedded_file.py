"""The embedded log's file: SQLite, `log.db` in the data folder, and the lock that makes it one process's own.

Everything here blocks and is called from two threads: one writes, one reads (WAL lets them).
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from shared.instants import Instant
from shared.log.contract import LogInUse, Record

# How long somebody else who writes to the file (a backup, a person) may hold it up; seconds.
LOCKED_TIMEOUT = 4.0

_TABLES = """
CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY,
    partitions INTEGER NOT NULL,
    replay INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS record (
    topic TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (topic, "partition", "offset")
) STRICT, WITHOUT ROWID;
"""
_INSERT = 'INSERT INTO record (topic, "partition", "offset", at, key, value) VALUES (?, ?, ?, ?, ?, ?)'


class Topic(NamedTuple):
    """A topic as it was made."""

    partitions: int
    replay: bool


class End(NamedTuple):
    """Where a partition ends: the offset of its next record, and the time of its last."""

    offset: int
    at: Instant


class Row(NamedTuple):
    """One record to write."""

    topic: str
    partition: int
    offset: int
    at: Instant
    key: str
    value: bytes


class LogFile:
    """An open log file. Raises LogInUse when another process has it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "log.lock")
        try:
            self._write = _connect(folder / "log.db")
            self._write.executescript(_TABLES)
            self._read = _connect(folder / "log.db")
        except sqlite3.Error:
            self._lock.close()
            raise

    def topics(self) -> dict[str, Topic]:
        """Every topic by its name."""
        rows = self._write.execute("SELECT name, partitions, replay FROM topic")
        return {name: Topic(partitions, bool(replay)) for name, partitions, replay in rows}

    def add_topic(self, name: str, topic: Topic) -> None:
        """Make a topic."""
        self._write.execute(
            "INSERT INTO topic (name, partitions, replay) VALUES (?, ?, ?)", (name, topic.partitions, topic.replay)
        )

    def end_replay(self) -> None:
        """Record that no topic takes its times from the writer any more."""
        self._write.execute("UPDATE topic SET replay = 0")

    def end(self, topic: str, partition: int) -> End:
        """Where the partition ends now."""
        last = self._write.execute(
            'SELECT "offset", at FROM record WHERE topic = ? AND "partition" = ? ORDER BY "offset" DESC LIMIT 1',
            (topic, partition),
        ).fetchone()
        return End(0, 0) if last is None else End(last[0] + 1, last[1])

    def append(self, rows: Sequence[Row]) -> None:
        """Write the rows in one transaction; durable when it returns."""
        self._write.execute("BEGIN IMMEDIATE")
        try:
            self._write.executemany(_INSERT, rows)
            self._write.execute("COMMIT")
        except sqlite3.Error:
            if self._write.in_transaction:
                self._write.execute("ROLLBACK")
            raise

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """At most `limit` records from `offset` on, in order."""
        rows = self._read.execute(
            'SELECT "partition", "offset", at, key, value FROM record'
            ' WHERE topic = ? AND "partition" = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?',
            (topic, partition, offset, limit),
        )
        return [Record(*row) for row in rows]

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._read.close()
        self._write.close()
        self._lock.close()


def _lock(path: Path) -> TextIO:
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "another one"
        lock.close()
        raise LogInUse(
            f"the embedded log in {path.parent} belongs to one process at a time, and process {owner} has it open;"
            " several processes need Kafka (KAFKA_BOOTSTRAP_SERVERS)"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCKED_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection
