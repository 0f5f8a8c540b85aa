"""A vendor's API on 127.0.0.1, and one call of a connector to it."""

from pathlib import Path
from typing import Any

from services.actions.connectors.contract import connectors
from services.actions.tokens import Tokens
from shared.outbound.http import Http
from shared.outbound.outcomes import Outcome
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

Told = tuple[int, dict[str, str], bytes]
SECRET = "a-vendors-secret"
TICKET = {"name": "ticket.created", "properties": {"ticket_id": "42"}}


async def call(
    kind: str,
    receiver: Tool,
    folder: Path,
    settings: dict[str, Any],
    *,
    step: str = "task",
    tokens: Tokens | None = None,
    event: dict[str, Any] | None = None,
    **fields: Any,
) -> Outcome:
    """What one try comes to; in `settings` the text SECRET becomes a reference to it, `fields` are of the step or the try."""
    (folder / "secret").write_text(SECRET)
    given = {name: f"file:{folder / 'secret'}" if value == "SECRET" else value for name, value in settings.items()}
    url = {"base_url": f"http://127.0.0.1:{receiver.port}"}
    connector = connectors()[kind]
    parsed = connector.settings.model_validate({"kind": kind, **url, **given, "private_network": "allowed"})
    http = Http()
    try:
        return await connector.send(outgoing(step, tokens=tokens, event=event, **fields), parsed, http)
    finally:
        await http.close()
