"""`successplays keys`: make, list and revoke the keys of people, back ends and jobs."""

from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import WrongUsage
from services.cli.options import AsJson

app = typer.Typer(
    no_args_is_help=True,
    help="Keys: write sends events, read looks, apply changes plays, run starts them, admin does all.",
)


@app.command("create")
def create(
    scope: Annotated[str, typer.Option(help="write, read, apply, run or admin.")],
    source: Annotated[str, typer.Option(help="What the events sent with it are said to come from.")] = "api",
    events: Annotated[list[str] | None, typer.Option(help="Names it may send: ticket.created, ticket.*. Default: all.")] = None,
    traits: Annotated[
        str, typer.Option(help="Traits it may tell: all, none (then nor who belongs to which account), or names: plan,mrr.")
    ] = "all",
    browser: Annotated[bool, typer.Option("--browser", help="For web pages: it only sends events, from these origins.")] = False,
    origin: Annotated[list[str] | None, typer.Option(help="A page that may use it: https://app.acme.example.")] = None,
    json: AsJson = False,
) -> None:
    """Make a key. It is shown once."""
    if browser != bool(origin):
        raise WrongUsage("a key for web pages needs both: --browser and --origin https://app.acme.example")
    told = False if browser and traits == "all" else _traits(traits)
    asked = {"kind": scope, "source": source, "events": _names(events), "traits": told, "origins": origin or []}
    key = Api().post("/api/v1/keys", asked)
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
    shown = [{**key, "prefix": f"{key['prefix']}...", "events": key["events"] or "all", "traits": _shown(key)} for key in keys]
    columns = {"id": "key_id", "key": "prefix", "scopes": "scopes", "source": "source", "events": "events", "traits": "traits"}
    show.listing(
        shown, columns | {"web pages": "origins", "created": "created_at", "revoked": "revoked_at"}, "There are no keys."
    )


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")], json: AsJson = False) -> None:
    """Make a key useless, within five seconds everywhere."""
    key = Api().post(f"/api/v1/keys/{key_id}/revoke")
    if json:
        show.as_json(key)
    else:
        show.say(f"{key['key_id']} ({key['prefix']}...) is revoked.")


def _names(given: list[str] | None) -> list[str] | None:
    """Names given one by one, or with commas between them."""
    return [name.strip() for one in given for name in one.split(",") if name.strip()] if given else None


def _traits(given: str) -> bool | list[str]:
    return given == "all" if given in ("all", "none") else _names([given]) or []


def _shown(key: dict[str, Any]) -> Any:
    return {True: "all", False: "none"}[key["traits"]] if isinstance(key["traits"], bool) else key["traits"]
