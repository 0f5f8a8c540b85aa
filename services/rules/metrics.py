"""What the rules service counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.rules.rows import Rows

_BATCH_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class RulesMetrics:
    """The metrics of one worker, in a registry of its own or the process's."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.events = Counter("successplays_rules_events", "Events taken.", registry=self.registry)
        self.duplicates = Counter("successplays_rules_duplicates", "Repeats of an event, dropped.", registry=self.registry)
        self.unassigned = Counter("successplays_rules_unassigned", "Events kept without an account.", registry=self.registry)
        self.opened = Counter("successplays_rules_runs_opened", "Runs opened.", ["play"], registry=self.registry)
        self.resolved = Counter("successplays_rules_runs_resolved", "Runs resolved.", registry=self.registry)
        self.decisions = Counter(
            "successplays_rules_decisions", "Edges that made no ordinary run.", ["play", "reason"], registry=self.registry
        )
        self.dead_letters = Counter("successplays_rules_dead_letters", "Records given up.", registry=self.registry)
        self.failures = Counter("successplays_rules_failures", "Batches that failed and were put back.", registry=self.registry)
        self.partitions = Gauge("successplays_rules_partitions", "Partitions owned.", registry=self.registry)
        self.behind = Gauge(
            "successplays_rules_behind_seconds", "How old the last record taken was.", ["partition"], registry=self.registry
        )
        self.batch_seconds = Histogram(
            "successplays_rules_batch_seconds", "From records to the commit.", buckets=_BATCH_SECONDS, registry=self.registry
        )

    def decided(self, rows: Rows) -> None:
        """Count what a batch stored."""
        for run in rows.runs:
            self.opened.labels(run[1]).inc()
        for made in rows.decisions:
            self.decisions.labels(made[1], made[6]).inc()
        self.resolved.inc(len(rows.resolved))
        self.unassigned.inc(len(rows.unassigned))
        self.dead_letters.inc(len(rows.dead_letters))
