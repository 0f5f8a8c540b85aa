"""`successplays tasks`: what people are asked to do."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.options import Account, AsJson, Limit, Play

app = typer.Typer(no_args_is_help=True, help="Tasks: what people are asked to do.")
TaskId = Annotated[str, typer.Argument(help="Its id, as `tasks list` shows it.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; without it, the key.")]


class State(StrEnum):
    """Which tasks to list."""

    open = "open"
    done = "done"
    cancelled = "cancelled"
    all = "all"


@app.command("list")
def list_tasks(
    state: Annotated[State, typer.Option(help="open, done, cancelled or all.")] = State.open,
    account: Account = None,
    play: Play = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Tasks with the evidence of their runs, the newest first."""
    asked = None if state is State.all else state.value
    tasks = list(Api().pages("/api/v1/tasks", limit, state=asked, account=account, play=play))
    if json:
        show.as_json(tasks)
    else:
        print_tasks(tasks)


@app.command("done")
def done(task_id: TaskId, by: By = None, json: AsJson = False) -> None:
    """Mark a task done."""
    task = Api().post(f"/api/v1/tasks/{task_id}/done", {"by": by})
    _tell(task, f"{task['title']}: done.", json)


@app.command("reassign")
def reassign(
    task_id: TaskId, assignee: Annotated[str, typer.Argument(help="An e-mail.")], by: By = None, json: AsJson = False
) -> None:
    """Give an open task of the inbox to somebody else."""
    task = Api().post(f"/api/v1/tasks/{task_id}/reassign", {"assignee": assignee, "by": by})
    _tell(task, f"{task['title']}: now of {task['assignee']}.", json)


def print_tasks(tasks: list[dict[str, Any]]) -> None:
    """A table of tasks for people."""
    columns = {"account": "account_id", "play": "play", "task": "title", "evidence": "evidence", "assignee": "assignee"}
    rest = {"priority": "priority", "state": "state", "since": "opened_at", "id": "task_id"}
    show.listing(tasks, columns | rest, "There are no such tasks.")


def _tell(task: dict[str, Any], sentence: str, json: bool) -> None:
    if json:
        show.as_json(task)
    else:
        show.say(sentence)
