"""What `successplays up` tells a newcomer: where it is, which tasks there are and why, and how to make one more."""

import asyncio
import shlex
from typing import Any

import typer

from services.cli import show
from services.cli.api import WRITE_KEY, Api, address_of
from services.cli.up.sample import Sample
from shared.settings import Settings

MAX_TASKS = 20
# What the sample workspace has a play for, told of an account that is well.
ANOTHER_TASK = (
    '{"name": "ticket.created", "account_id": "harbor", '
    '"properties": {"ticket_id": "T-2001", "priority": "urgent", "subject": "Nobody can log in"}}'
)
ANY_EVENT = '{"name": "report.exported", "account_id": "acme", "user_id": "ana"}'


async def greet(settings: Settings, past: Sample) -> None:
    """Print it. The tasks come from the API, as anybody else would see them."""
    tasks = await asyncio.to_thread(_open_tasks, settings)
    address = address_of(settings)
    typer.echo(f"\nsuccessplays is at {address}: events go to /v1/events, the API is described at /api/v1/docs.")
    typer.echo(f"Its data and keys are in {settings.data.resolve()}. Ctrl-C ends it; nothing is lost.\n")
    if tasks:
        typer.echo("Open tasks in the inbox, with the numbers that caused them:\n")
        for task in tasks:
            typer.echo(f"  {task['title']}\n      {task['body']}")
            typer.echo(f"      {task['play']} since {show.cell_of(task['opened_at'])}: {show.cell_of(task['evidence'])}")
            typer.echo(f"      for {show.cell_of(task['assignee'])}, priority {task['priority']}, id {task['task_id']}\n")
    key = (await asyncio.to_thread((settings.data / WRITE_KEY).read_text)).strip()
    typer.echo("One more task, within two seconds:\n" if past.known else "An event:\n")
    typer.echo(f"  {_curl(address, key, ANOTHER_TASK if past.known else ANY_EVENT)}\n")
    typer.echo("Tasks, from another terminal:\n\n  successplays tasks list\n")


def _open_tasks(settings: Settings) -> list[dict[str, Any]]:
    return list(Api(settings.model_copy(update={"url": None, "key": None})).pages("/api/v1/tasks", MAX_TASKS, state="open"))


def _curl(address: str, key: str, event: str) -> str:
    key_header, json_header = f"Authorization: Bearer {key}", "Content-Type: application/json"
    return shlex.join(["curl", "-H", key_header, "-H", json_header, "-d", event, f"{address}/v1/events"])
