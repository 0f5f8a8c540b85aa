"""`successplays runs`: what became true for whom, and what was done about it."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.options import Account, AsJson, Limit, Play

app = typer.Typer(no_args_is_help=True, help="Runs: what became true for whom, and what was done about it.")


class State(StrEnum):
    """Which runs to list."""

    open = "open"
    resolved = "resolved"
    all = "all"


@app.command("list")
def list_runs(
    state: Annotated[State, typer.Option(help="open, resolved or all.")] = State.all,
    account: Account = None,
    play: Play = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Runs with their evidence, the newest first."""
    is_open = None if state is State.all else state is State.open
    runs = list(Api().pages("/api/v1/runs", limit, open=is_open, account=account, play=play))
    if json:
        show.as_json(runs)
        return
    columns = {"account": "account_id", "play": "play", "version": "version", "opened": "opened_at", "resolved": "resolved_at"}
    rest = {"because": "resolution", "goal": "goal", "arm": "arm", "evidence": "evidence", "id": "run_id"}
    show.listing(runs, columns | rest, "There are no such runs.")


@app.command("show")
def show_run(run_id: Annotated[str, typer.Argument(help="Its id, as `runs list` shows it.")], json: AsJson = False) -> None:
    """One run with its deliveries and tasks."""
    run = Api().get(f"/api/v1/runs/{run_id}")
    if json:
        show.as_json(run)
    else:
        _print(run)


def _print(run: dict[str, Any]) -> None:
    facts = ["run_id", "play", "version", "account_id", "subject", "user_id", "opened_at", "resolved_at", "resolution"]
    facts += ["goal", "goal_at", "arm"]
    rows = [[name, run[name]] for name in facts] + [[f"evidence.{name}", value] for name, value in run["evidence"].items()]
    show.table(["", ""], rows, "")
    sent = {"step": "step", "kind": "kind", "to": "destination", "state": "state", "reason": "reason", "id": "delivery_id"}
    show.listing(run["deliveries"], sent, "Nothing was delivered for it.")
    made = {"task": "title", "assignee": "assignee", "state": "state", "id": "task_id"}
    show.listing(run["tasks"], made, "No task was made for it.")
