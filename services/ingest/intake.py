"""From raw items to the log, and to an answer: what all routes do alike. One append a request; answered when the log has it."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog
from starlette.requests import Request

from services.ingest.errors import NewId, Outcome, Problem, Refusal, Refused
from services.ingest.http.auth import require_writer
from services.ingest.http.browsers import require_page
from services.ingest.limits.rate import GENEROUS, Allowance, Rates
from services.ingest.limits.room import Room
from services.ingest.metrics import Metrics
from services.ingest.sender import Sender, Taken
from shared import topics
from shared.clock import Clock
from shared.instants import Instant
from shared.key_ring import KeyRing
from shared.log.contract import Entry, LogUnavailable

# What may wait for the log at one time; more would only wait longer, in memory.
MOST_BYTES_WAITING = 64 * 1024 * 1024

Take = Callable[[bytes, Sender], Taken]

_log = structlog.get_logger(service="ingest")


class Journal(Protocol):
    """What ingest needs of a log."""

    @property
    def replay(self) -> bool:
        """Whether it takes its times from the writer."""
        ...

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        """Append durably, or raise LogUnavailable within 5 s."""
        ...

    async def ready(self) -> bool:
        """Whether the log answers now."""
        ...


class Intake:
    """The log and the keys, and what a request needs beside them: the hour, and ids for items without one."""

    def __init__(
        self,
        log: Journal,
        keys: KeyRing,
        clock: Clock,
        metrics: Metrics,
        new_id: Callable[[], str],
        allowance: Allowance = GENEROUS,
        most_waiting: int = MOST_BYTES_WAITING,
    ) -> None:
        self.metrics = metrics
        self._journal = log
        self.keys = keys
        self._clock = clock
        self._new_id = new_id
        self._rates = Rates(allowance)
        self._room = Room(most_waiting)

    async def sender(self, presented: str | None, request: Request) -> Sender:
        """Who sends, received now; `presented` is the key of the request. Raises Problem: 401, 403, 429, 503."""
        key = await require_writer(self.keys, presented)
        require_page(key, request)
        # A request counts as one item at least, whatever is in it; a flood is sent away before its bodies are read.
        self._rates.take(key.key_id, 1)
        return Sender(key, self._clock(), self._journal.replay, self._new_id)

    async def store(self, items: Sequence[bytes | msgspec.Raw], take: Take, sender: Sender) -> Outcome:
        """Store what can be taken, in the order of the request, and say what was not.

        Raises Problem: 429 more than the key may send now; 503 the log is away. Some may have been stored all the same then;
        sent again with their ids they count once.
        """
        self._count_items(len(items), sender)
        taken: list[Taken] = []
        refused: list[Refusal] = []
        ids: list[NewId] = []
        for index, item in enumerate(items):
            try:
                one = take(bytes(item), sender)
            except Refused as error:
                refused.append(Refusal(index=index, id=error.id, code=error.code, pointer=error.pointer, detail=error.detail))
                continue
            taken.append(one)
            if one.is_new:
                ids.append(NewId(index=index, id=one.id))
        if taken:
            await self.append(topics.EVENTS, [entry for one in taken for entry in one.entries], sender.key.key_id)
        self._count(sender, len(taken), refused)
        return Outcome(accepted=len(taken), refused=refused, ids=ids)

    async def store_entries(self, entries: list[Entry], sender: Sender) -> Outcome:
        """Store items that became an entry each already, and have ids of their own. Raises Problem, as `store`."""
        self._count_items(len(entries), sender)
        await self.append(topics.EVENTS, entries, sender.key.key_id)
        self._count(sender, len(entries), [])
        return Outcome(accepted=len(entries), refused=[])

    def _count_items(self, items: int, sender: Sender) -> None:
        # The request itself was the first.
        if items > 1:
            self._rates.take(sender.key.key_id, items - 1)

    def now(self) -> Instant:
        """When a request that is read now is received."""
        return self._clock()

    async def append(self, topic: str, entries: list[Entry], sharer: str) -> None:
        """Append durably. `sharer` is the key or the source that has a share of what may wait for the log.

        Raises Problem 503: the log is away, or too much waits for it.
        """
        with self._room.taken(sharer, sum(len(entry.value) for entry in entries)):
            began = time.monotonic()
            try:
                await self._journal.append(topic, entries)
            except LogUnavailable as error:
                _log.warning("ingest.log_unavailable", entries=len(entries), error=str(error))
                detail = "the log is away, so nothing can be promised: send it again, with the same ids"
                raise Problem(503, "log_unavailable", detail, headers={"Retry-After": "2"}) from error
            self.metrics.append_seconds.observe(time.monotonic() - began)

    def _count(self, sender: Sender, accepted: int, refused: list[Refusal]) -> None:
        source = sender.key.source
        self.metrics.accepted.labels(source).inc(accepted)
        for refusal in refused:
            self.metrics.refused.labels(source, refusal.code).inc()
        if refused:
            first = refused[0]
            _log.info(
                "ingest.refused",
                key=sender.key.key_id,
                source=source,
                accepted=accepted,
                refused=len(refused),
                first={"index": first.index, "id": first.id, "code": first.code, "pointer": first.pointer},
            )
