"""What fetching counts, for Prometheus. Sources are few, and names of our own workspace."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.ingest.fetching.store import Backlog
from shared.instants import SECOND, Instant


class Metrics:
    """The counters of one process, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.fetches = Counter(
            "successplays_ingest_fetches", "Tries to fetch, by what they came to.", ["source", "outcome"], registry=registry
        )
        self.paused = Gauge(
            "successplays_ingest_source_paused", "1 while a vendor does not let us in.", ["source"], registry=registry
        )
        self._waiting = Gauge(
            "successplays_ingest_notifications_waiting", "What waits to be fetched.", ["source"], registry=registry
        )
        self._failing = Gauge(
            "successplays_ingest_notifications_failing", "What waits and has failed.", ["source"], registry=registry
        )
        self._oldest = Gauge(
            "successplays_ingest_notifications_oldest_seconds", "How old the oldest is.", ["source"], registry=registry
        )
        self._known: set[str] = set()

    def waits(self, backlogs: Mapping[str, Backlog], now: Instant) -> None:
        """Show what waits; a source of which nothing waits any more shows 0."""
        self._known |= set(backlogs)
        for source in self._known:
            backlog = backlogs.get(source, Backlog(0, 0, now))
            self._waiting.labels(source).set(backlog.waiting)
            self._failing.labels(source).set(backlog.failing)
            self._oldest.labels(source).set(max(0, now - backlog.oldest) / SECOND)
