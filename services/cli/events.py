"""`successplays events`: which events were heard, and the catalogue of them in `successplays.yaml`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import WrongUsage
from services.cli.options import AsJson, Workspace
from shared.workspace.files import SETTINGS

app = typer.Typer(no_args_is_help=True, help="Events: which were heard, and the catalogue of their names.")


@app.command("list")
def list_events(json: AsJson = False) -> None:
    """The names of events, how many, since when, with which properties."""
    found = Api().get("/api/v1/event-names")
    if json:
        show.as_json(found)
        return
    columns = {"name": "name", "events": "events", "first": "first_at", "last": "last_at", "properties": "properties"}
    show.listing(({**one, "properties": list(one["properties"])} for one in found), columns, "No event was heard yet.")


@app.command("discover")
def discover(
    workspace: Workspace = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be added, write nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Add every name that was heard to the catalogue in successplays.yaml. What stands in the file stays as it is."""
    from services.cli.catalogue import with_new_names

    file = workspace / SETTINGS
    text = _read(file, workspace)
    changed, new = with_new_names(text, [_seen(one) for one in Api().get("/api/v1/event-names")])
    if new and not dry_run:
        try:
            file.write_text(changed, encoding="utf-8")
        except OSError as error:
            raise WrongUsage(f"{file} cannot be written: {error.strerror}") from None
    if json:
        show.as_json({"file": str(file), "added": [one._asdict() for one in new], "dry_run": dry_run})
        return
    columns = ("name", "events", "since", "properties")
    show.table(columns, new, f"Every name that was heard is in the catalogue of {file}.")
    if new:
        show.say(f"{len(new)} names {'would be' if dry_run else 'were'} added to {file}.")


def _read(file: Path, workspace: Path) -> str:
    if not workspace.is_dir():
        raise WrongUsage(f"{workspace} is not a folder")
    try:
        return file.read_text(encoding="utf-8-sig") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}") from None


def _seen(one: dict[str, Any]) -> Any:
    from services.cli.catalogue import Seen

    return Seen(one["name"], one["events"], one["first_at"][:10], list(one["properties"]))
