"""`successplays import`: accounts and events from files, through the same HTTP as everything else."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import show
from services.cli.failures import Found, Unreachable, WrongUsage
from services.cli.options import AsJson

if TYPE_CHECKING:
    from services.cli.api import Api
    from services.cli.import_changes import Changes
    from services.cli.import_rows import ItemOf, Row
    from services.cli.import_sending import Outcome

app = typer.Typer(no_args_is_help=True, help="Accounts and events from CSV, Parquet or JSON Lines files.")
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, Parquet or JSON Lines, told by their names.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, say what would change, send nothing.")]
# More bad rows than anybody reads.
SHOWN = 100


@app.command("accounts")
def import_accounts(files: Files, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Set accounts' traits and aliases; plays react to what changes.

    A column `account_id`; `domain`, `email`, `zendesk_org`, `alias:stripe:customer` and the like are the account's aliases, and
    release what waits for them; every other column is a trait. The same file again changes nothing.
    """
    from services.cli.import_accounts import Accounts, require_columns
    from services.cli.import_changes import Changes, only_changes

    for file in files:
        require_columns(file)
    api, changes = _compared_with(dry_run), Changes()
    compare = (lambda rows: rows) if api is None else (lambda rows: only_changes(rows, api, changes))
    outcome = _import(files, Accounts(), dry_run=dry_run, compare=compare)
    if json:
        show.as_json(_told(outcome, dry_run) | ({} if api is None else changes.as_json()))
    else:
        _show(outcome, dry_run)
        if api is not None:
            _show_changes(changes, dry_run)
    if outcome.refused:
        raise Found("")


@app.command("events")
def import_events(files: Files, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Add history: it fills memory, and fires nothing. Importing the same file again adds nothing."""
    from services.cli.import_rows import event_item

    outcome = _import(files, event_item, dry_run=dry_run, compare=lambda rows: rows)
    if json:
        show.as_json(_told(outcome, dry_run))
    else:
        _show(outcome, dry_run)
    if outcome.refused:
        raise Found("")


def _import(
    files: list[Path], item_of: "ItemOf", *, dry_run: bool, compare: "Callable[[Iterable[Row]], Iterable[Row]]"
) -> "Outcome":
    from services.cli.import_formats import Content
    from services.cli.import_rows import read_rows
    from services.cli.import_sending import Sender, send
    from shared.settings import read_settings

    contents = [(file, Content(file)) for file in files]
    sender = None if dry_run else Sender(read_settings())
    with show.progress("Importing", total=sum(content.rows for _, content in contents)) as advance:

        def rows() -> "Iterator[Row]":
            for file, content in contents:
                for row in read_rows(file, item_of, content.name):
                    yield row
                    advance(1)

        return send(compare(rows()), sender)


def _compared_with(dry_run: bool) -> "Api | None":
    """The system to compare accounts with, if there is one and it may be read."""
    from services.cli.api import Api

    try:
        api = Api()
        api.post("/api/v1/accounts/known", {})
    except (WrongUsage, Unreachable) as error:
        if not dry_run:
            show.say(f"Nothing can be compared, so every row is sent: {error}")
        else:
            show.say(f"The rows are checked, but cannot be compared with what is known: {error}")
        return None
    return api


def _told(outcome: "Outcome", dry_run: bool) -> dict[str, object]:
    return {"accepted": outcome.accepted, "refused": outcome.refused, "dry_run": dry_run}


def _show(outcome: "Outcome", dry_run: bool) -> None:
    for refused in outcome.refused[:SHOWN]:
        typer.echo(f"{refused['file']}:{refused['line']}: {refused['detail']}")
    if len(outcome.refused) > SHOWN:
        typer.echo(f"... and {len(outcome.refused) - SHOWN} more; --json has them all.")
    verb = "would be sent" if dry_run else "taken"
    show.say(f"{outcome.accepted} rows {verb}, {len(outcome.refused)} refused.")


def _show_changes(changes: "Changes", dry_run: bool) -> None:
    if dry_run:
        for example in changes.examples:
            typer.echo(f"  {example}")
    show.say(f"{changes.words()}.")
