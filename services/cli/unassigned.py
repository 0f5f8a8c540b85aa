"""`successplays unassigned`: events that wait for their account to be known, and what they wait for."""

from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.options import AsJson

app = typer.Typer(no_args_is_help=True, help="Events whose account is not known yet: whom they are about, and whose they are.")


@app.command("list")
def list_unassigned(
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many, the largest first.")] = 50,
    json: AsJson = False,
) -> None:
    """Whom they are about, how many, since when, and what they are."""
    found = Api().get("/api/v1/unassigned", limit=limit)
    if json:
        show.as_json(found)
        return
    columns = {
        "about": "alias",
        "events": "events",
        "since": "oldest",
        "names": "names",
        "from": "sources",
        "known also as": "also",
    }
    show.listing(found["by_alias"], columns, "Every event has an account.")
    if found["aliases"] > len(found["by_alias"]):
        show.say(f"{found['aliases'] - len(found['by_alias'])} more; --limit shows them.")
    if found["events"]:
        show.say(f"{found['events']} events wait. `successplays unassigned assign ALIAS ACCOUNT` says whose an alias is.")


@app.command("assign")
def assign(
    alias: Annotated[str, typer.Argument(help="zendesk:org:99, domain:acme.example, email:jo@acme.example, user:u1")],
    account: Annotated[str, typer.Argument(help="The account's id.")],
    new: Annotated[bool, typer.Option("--new", help="Although nobody has heard of the account yet.")] = False,
    json: AsJson = False,
) -> None:
    """Say which account an alias means, from now on. What waits for it is released."""
    told = Api().post("/api/v1/aliases", {"alias": alias, "account_id": account, "new": new})
    if json:
        show.as_json(told)
        return
    later = "" if told["published"] else ", as soon as the log is back"
    show.say(f"{told['alias']} is {told['account_id']}; what waits for it is released{later}.")


@app.command("aliases")
def aliases(account: Annotated[str, typer.Argument(help="The account's id.")], json: AsJson = False) -> None:
    """What means an account."""
    found = Api().get("/api/v1/aliases", account=account)
    if json:
        show.as_json(found)
        return
    show.listing(found, {"alias": "alias", "since": "since"}, f"No alias means {account}.")
