"""`successplays mute`, `unmute`, `mutes`: quiet for an account until an instant."""

from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import WrongUsage
from services.cli.options import AsJson
from shared.clock import wall_clock
from shared.instants import parse_duration, parse_instant, show_instant

AccountId = Annotated[str, typer.Argument(help="The account's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app's own."""
    app.command("mute")(mute)
    app.command("unmute")(unmute)
    app.command("mutes")(mutes)


def mute(
    account: AccountId,
    until: Annotated[str, typer.Option(help="A date or instant (ISO 8601), or a duration from now such as 30d.")],
    reason: Annotated[str, typer.Option(help="Why; whoever looks at a held delivery reads it.")],
    json: AsJson = False,
) -> None:
    """Hold every delivery of an account until then; its runs open and resolve as ever."""
    muted = Api().put(f"/api/v1/accounts/{account}/mute", {"until": _instant(until), "reason": reason})
    if json:
        show.as_json(muted)
    else:
        show.say(f"{account} is muted until {muted['until']}.")


def unmute(account: AccountId) -> None:
    """End an account's mute; what it held goes out."""
    Api().delete(f"/api/v1/accounts/{account}/mute")
    show.say(f"{account} is not muted any more; what was held goes out.")


def mutes(json: AsJson = False) -> None:
    """The accounts that are muted now."""
    found = Api().get("/api/v1/mutes")
    if json:
        show.as_json(found)
        return
    columns = {"account": "account_id", "until": "until", "reason": "reason", "by": "muted_by", "since": "muted_at"}
    show.listing(found, columns, "No account is muted.")


def _instant(text: str) -> str:
    try:
        return show_instant(wall_clock() + parse_duration(text))
    except ValueError:
        pass
    try:
        return show_instant(parse_instant(text))
    except ValueError:
        raise WrongUsage(f"--until {text}: write a date such as 2026-05-01, an instant, or a duration such as 30d") from None
