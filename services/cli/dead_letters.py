"""`successplays dead-letters`: what was given up, and why."""

from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import Found, WrongUsage
from services.cli.options import AsJson, Limit

app = typer.Typer(no_args_is_help=True, help="Dead letters: what was given up, and why.")
# More than anybody reads, fewer than would hurt: `redrive --all` takes them page by page.
ALL = 1_000_000


@app.command("list")
def list_dead_letters(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were redriven or discarded.")] = False,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Dead letters with their reasons, the newest first."""
    letters = list(Api().pages("/api/v1/dead-letters", limit, everything=everything))
    if json:
        show.as_json(letters)
        return
    columns = {"kind": "kind", "origin": "origin", "reason": "reason", "since": "created_at"}
    ends = {"redriven": "redriven_at", "discarded": "discarded_at", "id": "dead_letter_id"}
    show.listing(letters, columns | ends, "There are no dead letters.")


@app.command("redrive")
def redrive(
    dead_letter_ids: Annotated[list[str] | None, typer.Argument(help="Their ids, as `dead-letters list` shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are listed and can be.")] = False,
    json: AsJson = False,
) -> None:
    """Put dead letters back on their way."""
    if bool(dead_letter_ids) == everything:
        raise WrongUsage("name the dead letters to redrive, or say --all")
    api = Api()
    if dead_letter_ids:
        redriven = [api.post(f"/api/v1/dead-letters/{name}/redrive") for name in dead_letter_ids]
    else:
        redriven, refused = redrive_all(api)
        for sentence in refused:
            show.say(sentence)
    if json:
        show.as_json(redriven)
    else:
        show.say(f"{len(redriven)} put back on their way.")


def redrive_all(api: Api) -> tuple[list[Any], list[str]]:
    """Put back all that can be, and say of the others why not: one that cannot go back does not hold up the rest."""
    redriven: list[Any] = []
    refused: list[str] = []
    for name in [letter["dead_letter_id"] for letter in api.pages("/api/v1/dead-letters", ALL)]:
        try:
            redriven.append(api.post(f"/api/v1/dead-letters/{name}/redrive"))
        except Found as error:
            refused.append(str(error))
    return redriven, refused
