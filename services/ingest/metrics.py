"""What ingest counts, for Prometheus. Labels are few: routes, codes, and the sources that keys name."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """The counters of one process, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter("successplays_ingest_requests", "Requests answered.", ["route", "status"], registry=registry)
        self.accepted = Counter("successplays_ingest_accepted", "Items stored in the log.", ["source"], registry=registry)
        self.refused = Counter("successplays_ingest_refused", "Items refused.", ["source", "code"], registry=registry)
        self.append_seconds = Histogram(
            "successplays_ingest_append_seconds",
            "From an append to the log until the log has it.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
