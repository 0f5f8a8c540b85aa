"""Sending rows to `POST /v1/events` in batches, with a progress bar; each refusal is told with the line that it is about."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.cli import show
from services.cli.api import TIMEOUT_SECONDS, WRITE_KEY, address_of, failure_of, key_of, not_answering
from services.cli.failures import Unreachable
from services.cli.import_rows import Row
from shared.settings import Settings, read_settings

# Both below what ingest takes at once.
MAX_ITEMS = 1_000
MAX_BYTES = 400_000
TRIES = 8
LONGEST_WAIT_SECONDS = 30.0


@dataclass
class Outcome:
    """How many rows were taken, and which were not, and why."""

    accepted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, row: Row, detail: str) -> None:
        """Note a row that was not taken."""
        self.refused.append({"file": row.file, "line": row.line, "detail": detail})


def send(rows: Iterable[Row], *, dry_run: bool, transport: httpx.BaseTransport | None = None) -> Outcome:
    """Send every row that can be sent; with `dry_run` none.

    Raises:
        WrongUsage, Unreachable: the system cannot take them; what was sent before stays.
    """
    settings = read_settings()
    outcome = Outcome()
    with show.progress("Importing") as advance, _client(settings, dry_run, transport) as http:
        for batch in _batches(rows, outcome):
            if dry_run:
                outcome.accepted += len(batch)
            else:
                _send_batch(http, batch, outcome)
            advance(len(batch))
    return outcome


def _client(settings: Settings, dry_run: bool, transport: httpx.BaseTransport | None) -> httpx.Client:
    headers = {} if dry_run else {"Authorization": f"Bearer {key_of(settings, WRITE_KEY)}"}
    return httpx.Client(
        base_url=address_of(settings), headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport
    )


def _batches(rows: Iterable[Row], outcome: Outcome) -> Iterator[list[tuple[Row, bytes]]]:
    batch: list[tuple[Row, bytes]] = []
    size = 0
    for row in rows:
        if row.item is None:
            outcome.refuse(row, row.problem or "it cannot be sent")
            continue
        item = json.dumps(row.item, separators=(",", ":")).encode()
        if batch and (len(batch) >= MAX_ITEMS or size + len(item) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((row, item))
        size += len(item) + 1
    if batch:
        yield batch


def _send_batch(http: httpx.Client, batch: list[tuple[Row, bytes]], outcome: Outcome) -> None:
    answer = _post(http, b"[" + b",".join(item for _, item in batch) + b"]")
    told = answer.json() if answer.status_code in (202, 400) else {}
    if "refused" not in told:
        raise failure_of(answer)
    for refused in told["refused"]:
        detail = f"{refused['pointer']}: {refused['detail']}" if refused.get("pointer") else refused["detail"]
        outcome.refuse(batch[refused["index"]][0], detail)
    outcome.accepted += len(batch) - len(told["refused"])


def _post(http: httpx.Client, body: bytes) -> httpx.Response:
    """The answer that is no `try again`. Posting a batch again is safe: its rows have ids."""
    for number in range(TRIES):
        try:
            answer = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise not_answering(str(http.base_url), error) from None
        if answer.status_code not in (429, 503):
            return answer
        try:
            wait = float(answer.headers.get("retry-after", ""))
        except ValueError:
            wait = float(2**number)
        time.sleep(min(max(wait, 0.0), LONGEST_WAIT_SECONDS))
    raise Unreachable(f"{http.base_url} has been too busy for {TRIES} tries: go on later, no row is counted twice")
