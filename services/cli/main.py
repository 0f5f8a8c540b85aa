"""The `successplays` command: puts the groups of commands together, and turns failures into a sentence and an exit code."""

import sys

import typer
from pydantic import ValidationError

from services.cli import (
    database,
    dead_letters,
    deliveries,
    events,
    import_files,
    keys,
    mutes,
    plays,
    processes,
    runs,
    start,
    tasks,
    unassigned,
)
from services.cli.backtest import backtest
from services.cli.explain import explain
from services.cli.failures import Failure

app = typer.Typer(
    name="successplays",
    help="Customer-success automation: events in, plays decide, one clear task arrives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
processes.register(app)
mutes.register(app)
start.register(app)
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
plays.app.command("backtest")(backtest)
plays.app.command("explain")(explain)
app.add_typer(plays.app, name="plays")
app.add_typer(tasks.app, name="tasks")
app.add_typer(runs.app, name="runs")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(events.app, name="events")
app.add_typer(unassigned.app, name="unassigned")
app.add_typer(import_files.app, name="import")


def main() -> None:
    """Run the command that was given; exit 0, 1, 2 or 3 (see failures.py)."""
    try:
        app()
    except Failure as failure:
        if str(failure):
            sys.stderr.write(f"successplays: {failure}\n")
        sys.exit(failure.exit_code)
    except ValidationError as error:
        if error.title != "Settings":
            raise
        for found in error.errors():
            sys.stderr.write(f"successplays: {'.'.join(map(str, found['loc']))}: {found['msg']}\n")
        sys.exit(2)
