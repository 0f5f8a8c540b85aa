"""`successplays import`: accounts and events from files, through the same HTTP as everything else."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import show
from services.cli.failures import Found
from services.cli.options import AsJson

if TYPE_CHECKING:
    from services.cli.import_rows import ItemOf

app = typer.Typer(no_args_is_help=True, help="Accounts and events from CSV, Parquet or JSON Lines files.")
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, Parquet or JSON Lines, told by their names.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, send nothing.")]


@app.command("accounts")
def import_accounts(files: Files, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Set accounts' traits: a column `account_id`, every other column a trait. Plays react to what changes."""
    from services.cli.import_rows import account_item

    _import(files, account_item, dry_run=dry_run, json=json)


@app.command("events")
def import_events(files: Files, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Add history: it fills memory, and fires nothing. Importing the same file again adds nothing."""
    from services.cli.import_rows import event_item

    _import(files, event_item, dry_run=dry_run, json=json)


def _import(files: list[Path], item_of: "ItemOf", *, dry_run: bool, json: bool) -> None:
    from services.cli.import_rows import read_rows
    from services.cli.import_sending import Sender, send
    from shared.settings import read_settings

    sender = None if dry_run else Sender(read_settings())
    outcome = send((row for file in files for row in read_rows(file, item_of)), sender)
    if json:
        show.as_json({"accepted": outcome.accepted, "refused": outcome.refused, "dry_run": dry_run})
    else:
        for refused in outcome.refused:
            typer.echo(f"{refused['file']}:{refused['line']}: {refused['detail']}")
        verb = "would be sent" if dry_run else "taken"
        show.say(f"{outcome.accepted} rows {verb}, {len(outcome.refused)} refused.")
    if outcome.refused:
        raise Found("")
