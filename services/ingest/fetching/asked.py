"""A vendor that we ask: its API, its pace, and how we stand with it, in the memory of this process."""

import hashlib

from services.ingest.fetching.api import HttpApi
from services.ingest.fetching.contract import ApiSettings, api_of
from services.ingest.fetching.pace import Pace
from services.ingest.fetching.standing import Standing, room
from services.ingest.receiving.configured import Configured
from shared.clock import Clock
from shared.instants import Instant
from shared.outbound.http import Http
from shared.secrets import SecretMissing, read_secret


class Asked:
    """One source with an `api`. It is a new one, which stands well, when settings or credentials have changed."""

    def __init__(self, configured: Configured, settings: ApiSettings, http: Http, clock: Clock) -> None:
        self.configured = configured
        self.standing = Standing()
        self.busy = 0
        self.api = HttpApi(http, settings, clock, Pace(settings.rate).turn)
        self.known_by = mark_of(configured, settings)
        # So many that nothing waits longer than its lease for its turns.
        self._limit = min(settings.concurrency, max(1, int(settings.rate * 10)))

    def free(self, now: Instant) -> int:
        """How many things more may be fetched now."""
        return max(0, room(self.standing, self._limit, now) - self.busy)


def mark_of(configured: Configured, settings: ApiSettings) -> str:
    """Differs when anything does that decides whether the vendor lets us in. It tells nobody the credentials."""
    credentials: list[str] = []

    def secret(reference: str) -> str:
        credentials.append(read_secret(reference))
        return credentials[-1]

    try:
        settings.authorization(secret)
    except SecretMissing as missing:
        credentials.append(str(missing))
    parts = [configured.source.kind, configured.settings.model_dump_json(), *credentials]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def asked_of(configured: Configured) -> ApiSettings | None:
    """How this source's vendor is asked; None where there is nothing to ask."""
    return None if configured.source.fetch is None else api_of(configured.settings)
