"""One delivery of each kind, ready to be sent, and a mail server to send to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP

from services.actions.connectors.contract import Outgoing
from services.actions.core.steps import Email, Message, Task, Webhook, parse_steps
from services.actions.rendering import People, context_of, render_step
from services.actions.schedule import delivery_id
from services.actions.tokens import Tokens
from shared.secrets import read_secret
from tests.actions.scene import MONDAY, run_opened

STEPS: dict[str, dict[str, Any]] = {
    "task": {
        "to": "x",
        "title": "Call {{ account.name }}",
        "body": "Ask what changed.",
        "due": "2 working days",
        "priority": "high",
    },
    "message": {"to": "x", "text": "{{ account.name }} is quiet"},
    "email": {"to": "x", "recipient": "eva@acme.example", "subject": "Hello {{ account.name }}", "text": "How are you?"},
    "webhook": {"to": "x", "data": {"mrr": 2000, "name": "{{ account.name }}", "list": ["{{ evidence.current }}"]}},
}


def outgoing(
    kind: str,
    *,
    attempt: int = 1,
    now: int = MONDAY,
    account: dict[str, Any] | None = None,
    uncertain: bool = False,
    assignee_id: str | None = None,
    tokens: Tokens | None = None,
    event: dict[str, Any] | None = None,
    **fields: Any,
) -> Outgoing:
    """A try of a step of this kind; `fields` overwrite the step's own."""
    document = {kind: {**STEPS[kind], **fields}}
    more: dict[str, Any] = {} if account is None else {"account": account}
    run = run_opened(document, event=event, **more)
    [step] = parse_steps([document])
    assert isinstance(step, (Task, Message, Email, Webhook))
    content = render_step(step, context_of(run, People()), People(), MONDAY)
    return Outgoing(
        delivery_id=delivery_id(run.run_id, "0"),
        step="0",
        kind=kind,
        attempt=attempt,
        reached_at=MONDAY,
        now=now,
        content=content,
        run=run,
        secret=read_secret,
        tokens=tokens or Tokens(),
        destination="x",
        uncertain=uncertain,
        assignee_id=assignee_id,
    )


@asynccontextmanager
async def mail_server_with(handler: object) -> AsyncIterator[int]:
    """A real mail server on 127.0.0.1 in this very loop; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="localhost", loop=loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
