"""`successplays deliveries`: each step on its way to a tool."""

from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.options import Account, AsJson, Limit, Play

app = typer.Typer(no_args_is_help=True, help="Deliveries: each step on its way to a tool.")
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
