"""The peers as programs: each runs in the peers' own environment, on the same lines, and its runs are read back.

A framework that decides only when an event comes cannot know that the log has ended. So the peers' log has one line more for each
account: nothing but the time just after the end, at which the account's last deadlines are taken.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.floor import Line
from benchmarks.peers.found import Found, read_found
from shared.instants import Instant
from shared.records import Event, as_json

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".build" / "peers" / "bin" / "python"


def run_peer(program: str, *arguments: object) -> Found:
    """Run `benchmarks/peers/PROGRAM.py`; its last argument is the file for what it finds.

    Raises:
        SystemExit: the peers are not installed.
        subprocess.CalledProcessError: it failed; its output is on ours.
    """
    if not PYTHON.exists():
        raise SystemExit("the peers are not installed: benchmarks/peers/setup.sh installs them into .build/peers")
    with TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [str(PYTHON), "-m", f"benchmarks.peers.{program}", *map(str, arguments), str(found)]
        subprocess.run(command, cwd=ROOT, check=True)
        return read_found(found)


def closed_log(log: Path) -> Path:
    """The log with an event at its end for each account; written once."""
    closed = log.with_suffix(".closed.jsonl")
    if not closed.exists():
        lines = log.read_bytes()
        decoded = msgspec.json.Decoder(Line).decode_lines(lines)
        at = decoded[-1].received_at + 1
        accounts = dict.fromkeys(line.account_id for line in decoded)
        endings = [_ending(account, at) for account in accounts]
        closed.write_bytes(lines + msgspec.json.Encoder().encode_lines(endings))
    return closed


def _ending(account_id: str, at: Instant) -> Event:
    return Event(
        id="end",
        name="log.ended",
        source="api",
        account_id=account_id,
        occurred_at=at,
        properties_json=as_json({}),
        received_at=at,
    )
