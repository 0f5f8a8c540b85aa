"""`pytest tests/ingest/fuzz --hypothesis-profile=hunt --timeout=0` looks for new bodies for ten minutes, not the usual ones."""

from hypothesis import HealthCheck, settings

settings.register_profile("hunt", max_examples=8_000, database=None, deadline=None, suppress_health_check=list(HealthCheck))
