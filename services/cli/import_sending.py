"""Sending rows to `POST /v1/events` in batches; each refusal is told with the line and the column that it is about."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.cli.api import TIMEOUT_SECONDS, WRITE_KEY, address_of, failure_of, key_of, not_answering
from services.cli.failures import Unreachable
from services.cli.import_rows import Row
from shared.settings import Settings

# Both below what ingest takes at once.
MAX_ITEMS = 1_000
MAX_BYTES = 400_000
TRIES = 8
LONGEST_WAIT_SECONDS = 30.0

Batch = list[tuple[Row, bytes]]


@dataclass
class Outcome:
    """How many rows were taken, and which were not, and why."""

    accepted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, row: Row, detail: str, column: str | None) -> None:
        """Note a row that was not taken."""
        self.refused.append({"file": row.file, "line": row.line, "column": column, "detail": detail})


class Sender:
    """Posts batches with the write key, again while the system is busy."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._address = address_of(settings)
        headers = {"Authorization": f"Bearer {key_of(settings, WRITE_KEY)}", "Content-Type": "application/json"}
        self._http = httpx.Client(
            base_url=self._address, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport
        )

    def send(self, batch: Batch, outcome: Outcome) -> None:
        """Post one batch and note what became of each row. Doing it again is safe: rows have ids.

        Raises:
            WrongUsage, Unreachable: nothing of it was taken.
        """
        answer = self._post(b"[" + b",".join(item for _, item in batch) + b"]")
        told = answer.json() if answer.status_code in (202, 400) else {}
        if "refused" not in told:
            raise failure_of(answer)
        for refused in told["refused"]:
            row = batch[refused["index"]][0]
            column = _column(row, refused.get("pointer") or "")
            outcome.refuse(row, f"{column}: {refused['detail']}" if column else refused["detail"], column)
        outcome.accepted += len(batch) - len(told["refused"])

    def _post(self, body: bytes) -> httpx.Response:
        for number in range(TRIES):
            try:
                answer = self._http.post("/v1/events", content=body)
            except httpx.HTTPError as error:
                raise not_answering(self._address, error) from None
            if answer.status_code not in (429, 503):
                return answer
            try:
                wait = float(answer.headers.get("retry-after", ""))
            except ValueError:
                wait = float(2**number)
            self._sleep(min(max(wait, 0.0), LONGEST_WAIT_SECONDS))
        raise Unreachable(f"{self._address} has been too busy for {TRIES} tries: go on later, no event is counted twice")


def send(rows: Iterable[Row], sender: Sender | None) -> Outcome:
    """Send every row that can be sent; without a sender they are only counted.

    Raises:
        WrongUsage, Unreachable: the system cannot take them; what was sent before stays.
    """
    outcome = Outcome()
    for batch in _batches(rows, outcome):
        if sender is None:
            outcome.accepted += len(batch)
        else:
            sender.send(batch, outcome)
    return outcome


def _column(row: Row, pointer: str) -> str | None:
    """The column that a pointer into the row's item is about: of a trait its name, of an alias where it came from."""
    first, _, rest = pointer.removeprefix("/").partition("/")
    second = rest.partition("/")[0]
    if first == "traits" and second and not (row.item or {}).get("imported"):
        return second.replace("~1", "/").replace("~0", "~")
    if first == "aliases" and second.isdecimal() and int(second) < len(row.alias_columns):
        return row.alias_columns[int(second)]
    return first or None


def _batches(rows: Iterable[Row], outcome: Outcome) -> Iterator[Batch]:
    batch: Batch = []
    size = 0
    for row in rows:
        if row.item is None:
            outcome.refuse(row, row.problem or "it cannot be sent", row.column)
            continue
        item = json.dumps(row.item, separators=(",", ":")).encode()
        if batch and (len(batch) >= MAX_ITEMS or size + len(item) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((row, item))
        size += len(item) + 1
    if batch:
        yield batch
