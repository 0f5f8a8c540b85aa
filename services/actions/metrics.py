"""What actions counts, for Prometheus. Destinations are few, and names of our own workspace."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """The counters of one process, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tries = Counter(
            "successplays_actions_tries",
            "Tries of deliveries, by what they came to.",
            ["destination", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "successplays_actions_delivery_seconds",
            "From when a step's turn came until its destination had it.",
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
        )
