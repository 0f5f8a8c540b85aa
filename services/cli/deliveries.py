"""`successplays deliveries`: each step on its way to a tool."""

from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import WrongUsage
from services.cli.options import Account, AsJson, Limit, Play

app = typer.Typer(no_args_is_help=True, help="Deliveries: each step on its way to a tool.")
EVERYTHING = 1_000_000
Held = Annotated[list[str] | None, typer.Argument(help="Their ids, as `deliveries held` shows them.", show_default=False)]
DeliveryId = Annotated[str, typer.Argument(help="Its id, as `deliveries list` shows it.")]


@app.command("list")
def list_deliveries(
    state: Annotated[str | None, typer.Option(help="waiting, leased, held, delivered, stopped or dead.")] = None,
    destination: Annotated[str | None, typer.Option(help="Only to this destination.")] = None,
    account: Account = None,
    play: Play = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Deliveries, the newest first."""
    asked = {"state": state, "destination": destination, "account": account, "play": play}
    deliveries = list(Api().pages("/api/v1/deliveries", limit, **asked))
    if json:
        show.as_json(deliveries)
        return
    columns = {"account": "account_id", "play": "play", "step": "step", "kind": "kind", "to": "destination", "state": "state"}
    rest = {"attempts": "attempt", "reason": "reason", "due": "due_at", "id": "delivery_id"}
    show.listing(deliveries, columns | rest, "There are no such deliveries.")


@app.command("show")
def show_delivery(delivery_id: DeliveryId, json: AsJson = False) -> None:
    """One delivery with every try."""
    delivery = Api().get(f"/api/v1/deliveries/{delivery_id}")
    if json:
        show.as_json(delivery)
        return
    show.table(["", ""], [[name, value] for name, value in delivery.items() if name != "attempts"], "")
    columns = {"attempt": "attempt", "started": "started_at", "outcome": "outcome", "status": "status", "reason": "reason"}
    show.listing(delivery["attempts"], columns | {"answer": "response"}, "It was not tried yet.")


@app.command("retry")
def retry(delivery_id: DeliveryId, json: AsJson = False) -> None:
    """Try a delivery again that was given up or held."""
    delivery = Api().post(f"/api/v1/deliveries/{delivery_id}/retry")
    if json:
        show.as_json(delivery)
    else:
        show.say(f"{delivery_id} is tried again now.")


@app.command("held")
def held(account: Account = None, play: Play = None, limit: Limit = 50, json: AsJson = False) -> None:
    """Deliveries that are held, with why and until when they are looked at again."""
    deliveries = list(Api().pages("/api/v1/deliveries", limit, state="held", account=account, play=play))
    if json:
        show.as_json(deliveries)
        return
    columns = {"account": "account_id", "play": "play", "step": "step", "kind": "kind", "to": "destination", "because": "reason"}
    show.listing(deliveries, columns | {"until": "due_at", "id": "delivery_id"}, "Nothing is held.")


@app.command("release")
def release(delivery_ids: Held = None, account: Account = None, play: Play = None) -> None:
    """Let held deliveries go out now: these, or all of an account or a play."""
    _each("release", delivery_ids, account, play, "let go")


@app.command("drop")
def drop(delivery_ids: Held = None, account: Account = None, play: Play = None) -> None:
    """Let held deliveries never go out: these, or all of an account or a play."""
    _each("drop", delivery_ids, account, play, "dropped")


def _each(verb: str, delivery_ids: list[str] | None, account: str | None, play: str | None, done: str) -> None:
    if bool(delivery_ids) == bool(account or play):
        raise WrongUsage(f"say which deliveries to {verb}: their ids, or --account or --play")
    api = Api()
    if not delivery_ids:
        found = api.pages("/api/v1/deliveries", EVERYTHING, state="held", account=account, play=play)
        # Read whole before the first is changed: what was changed is not held any more, and the pages would move.
        delivery_ids = [delivery["delivery_id"] for delivery in list(found)]
    for delivery_id in delivery_ids:
        api.post(f"/api/v1/deliveries/{delivery_id}/{verb}")
    show.say(f"{len(delivery_ids)} {done}.")
