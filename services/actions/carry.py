"""Carries one leased delivery out: renders it, sends it, and says what it came to. Nothing here touches the database."""

import asyncio
from typing import NamedTuple

import msgspec

from services.actions.connectors.contract import Outgoing
from services.actions.core.outcomes import Delivered, GiveUp, Hold, Outcome, TryAgain
from services.actions.core.progress import step_at
from services.actions.core.steps import Email, Message, Task, Webhook, parse_steps
from services.actions.rendering import Rendered, context_of, render_step
from services.actions.store import Leased
from services.actions.templates import TemplateFailed
from services.actions.workspace import Destination, Workspace
from shared.clock import Clock
from shared.outbound.http import DEADLINE_SECONDS, AddressRefused, Http, Unreachable
from shared.records import RunOpened
from shared.secrets import SecretMissing, mask, read_secret


class Carried(NamedTuple):
    """What a try came to, and what was sent, when it got that far."""

    outcome: Outcome
    content: Rendered | None = None


async def carry_out(
    leased: Leased, workspace: Workspace, http: Http, clock: Clock, deadline: float = DEADLINE_SECONDS
) -> Carried:
    """One try of a task, message, email or webhook; it ends within `deadline` seconds."""
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
    return Carried(await _send(leased, destination, content, run, http=http, clock=clock, deadline=deadline), content)


async def _send(
    leased: Leased, destination: Destination, content: Rendered, run: RunOpened, *, http: Http, clock: Clock, deadline: float
) -> Outcome:
    secrets: list[str] = []

    def secret(reference: str) -> str:
        value = read_secret(reference)
        secrets.append(value)
        return value

    outgoing = Outgoing(
        leased.delivery_id, leased.step, leased.kind, leased.attempt, leased.reached_at, clock(), content, run, secret
    )
    try:
        async with asyncio.timeout(deadline):
            outcome = await destination.connector.send(outgoing, destination.settings, http)
    except (Unreachable, TimeoutError) as error:
        outcome = TryAgain(str(error) or f"not finished within {deadline:g} s")
    except AddressRefused as error:
        outcome = GiveUp(str(error))
    except SecretMissing as missing:
        outcome = Hold(f"destination {destination.name}: {missing}")
    return _masked(outcome, secrets)


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
