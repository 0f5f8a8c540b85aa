"""What the console is handed to explain a verdict with: the `successplays` command puts the rules service's own in."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.instants import Instant

# From the play, the account, a subject of it (or None) and an instant of the past (or None) to the answer as JSON.
# Raises LookupError: there is no such play or account.
Explain = Callable[[AsyncEngine, str, str, str | None, Instant | None], Awaitable[dict[str, Any]]]
