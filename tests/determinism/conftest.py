"""`pytest tests/determinism --hypothesis-profile=hunt --timeout=0` looks for new stories instead of the usual ones."""

from hypothesis import HealthCheck, settings

settings.register_profile("hunt", max_examples=20_000, database=None, deadline=None, suppress_health_check=list(HealthCheck))
