"""`successplays keys`: make, list and revoke the keys of people, back ends and jobs."""

from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.options import AsJson

app = typer.Typer(
    no_args_is_help=True,
    help="Keys: write sends events, read looks, apply changes plays, run starts them, admin does all.",
)


@app.command("create")
def create(
    kind: Annotated[str, typer.Argument(help="write, read, apply, run or admin.")],
    source: Annotated[str, typer.Option(help="What the events sent with it are said to come from.")] = "api",
    events: Annotated[list[str] | None, typer.Option(help="Names it may send: ticket.created, ticket.*. Default: all.")] = None,
    traits: Annotated[bool, typer.Option(help="Whether it may tell traits.")] = True,
    json: AsJson = False,
) -> None:
    """Make a key. It is shown once."""
    key = Api().post("/api/v1/keys", {"kind": kind, "source": source, "events": events or None, "traits": traits})
    if json:
        show.as_json(key)
        return
    show.say("Keep it: it is not shown again.")
    typer.echo(key["key"])


@app.command("list")
def list_keys(json: AsJson = False) -> None:
    """Every key by its beginning, the revoked ones too."""
    keys = Api().get("/api/v1/keys")["items"]
    if json:
        show.as_json(keys)
        return
    shown = [{**key, "prefix": f"{key['prefix']}...", "events": key["events"] or "all"} for key in keys]
    columns = {"id": "key_id", "key": "prefix", "scopes": "scopes", "source": "source", "events": "events"}
    show.listing(shown, columns | {"created": "created_at", "revoked": "revoked_at"}, "There are no keys.")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")], json: AsJson = False) -> None:
    """Make a key useless, within five seconds everywhere."""
    key = Api().post(f"/api/v1/keys/{key_id}/revoke")
    if json:
        show.as_json(key)
    else:
        show.say(f"{key['key_id']} ({key['prefix']}...) is revoked.")
