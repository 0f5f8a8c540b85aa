"""Carries one leased delivery out: renders it, sends it, and says what it came to. Nothing here touches the database."""

import asyncio
from typing import NamedTuple

import msgspec

from services.actions.connectors.contract import Outgoing
from services.actions.core.progress import step_at
from services.actions.core.steps import Email, Message, Task, Webhook, parse_steps
from services.actions.rendering import People, Rendered, RenderedTask, context_of, render_step
from services.actions.store import Leased
from services.actions.templates import TemplateFailed
from services.actions.tokens import Tokens
from services.actions.workspace import Destination, Workspace
from shared.clock import Clock
from shared.instants import Instant
from shared.outbound.http import DEADLINE_SECONDS, AddressRefused, Http, Unreachable
from shared.outbound.outcomes import Delivered, GiveUp, Hold, Outcome, TryAgain
from shared.records import RunOpened
from shared.secrets import SecretMissing, mask, read_secret


class Carried(NamedTuple):
    """What a try came to, and what was sent, when it got that far."""

    outcome: Outcome
    content: Rendered | None = None


async def carry_out(
    leased: Leased,
    workspace: Workspace,
    http: Http,
    clock: Clock,
    *,
    tokens: Tokens,
    deadline: float = DEADLINE_SECONDS,
    uncertain: bool = False,
) -> Carried:
    """One try of a task, message, email or webhook; it ends within `deadline` seconds.

    `uncertain` says that an earlier try may have reached the tool although we heard nothing of it.
    """
    destination = workspace.usable(leased.destination or "")
    if isinstance(destination, Hold):
        return Carried(destination)
    run = msgspec.json.decode(leased.record, type=RunOpened)
    step = step_at(parse_steps(run.steps), leased.step)
    if not isinstance(step, (Task, Message, Email, Webhook)) or step.kind not in destination.connector.accepts:
        return Carried(GiveUp(f"destination {destination.name} takes no {step.kind}"))
    try:
        content = render_step(step, context_of(run, workspace.people), workspace.people, leased.reached_at)
    except TemplateFailed as failed:
        return Carried(GiveUp(str(failed)))
    sender = _Sender(leased, destination, run, clock())
    outgoing = sender.outgoing(content, workspace.people, tokens, uncertain=uncertain)
    return Carried(await sender.send(outgoing, http, deadline), content)


class _Sender:
    """One try, and the secrets that it read, so that they can be masked in whatever comes back."""

    def __init__(self, leased: Leased, destination: Destination, run: RunOpened, now: Instant) -> None:
        self._leased = leased
        self._destination = destination
        self._run = run
        self._now = now
        self._secrets: list[str] = []

    def outgoing(self, content: Rendered, people: People, tokens: Tokens, *, uncertain: bool) -> Outgoing:
        """What the connector gets."""
        leased = self._leased
        return Outgoing(
            delivery_id=leased.delivery_id,
            step=leased.step,
            kind=leased.kind,
            attempt=leased.attempt,
            reached_at=leased.reached_at,
            now=self._now,
            content=content,
            run=self._run,
            secret=self._secret,
            tokens=tokens,
            destination=self._destination.name,
            assignee_id=people.id_in(self._destination.name, content.assignee) if isinstance(content, RenderedTask) else None,
            uncertain=uncertain,
        )

    async def send(self, outgoing: Outgoing, http: Http, deadline: float) -> Outcome:
        """What the try came to, without any secret in its words."""
        destination = self._destination
        try:
            async with asyncio.timeout(deadline):
                outcome = await destination.connector.send(outgoing, destination.settings, http)
        except (Unreachable, TimeoutError) as error:
            outcome = TryAgain(str(error) or f"not finished within {deadline:g} s")
        except AddressRefused as error:
            outcome = GiveUp(str(error))
        except SecretMissing as missing:
            outcome = Hold(f"destination {destination.name}: {missing}")
        return _masked(outcome, self._secrets)

    def _secret(self, reference: str) -> str:
        value = read_secret(reference)
        self._secrets.append(value)
        return value


def _masked(outcome: Outcome, secrets: list[str]) -> Outcome:
    """The outcome without any secret in its words: a tool may send back what it was sent."""
    response = None if outcome.response is None else mask(outcome.response, secrets)
    if isinstance(outcome, Delivered):
        external_id = None if outcome.external_id is None else mask(outcome.external_id, secrets)
        return Delivered(external_id, outcome.status, response)
    reason = mask(outcome.reason, secrets)
    if isinstance(outcome, TryAgain):
        return TryAgain(reason, outcome.after, outcome.throttled, outcome.status, response)
    return type(outcome)(reason, outcome.status, response)
