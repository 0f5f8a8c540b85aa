"""`successplays run PLAY ACCOUNT`: start a manual play, and say what came of it."""

import time
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.failures import Found, Unreachable
from services.cli.options import AsJson

POLL_SECONDS = 0.2
NOTHING = "the play's audience, or what else its condition asks for, was not true: `plays explain` says more"


def register(app: typer.Typer) -> None:
    """Add the command to the app's own."""
    app.command("run")(run)


def run(
    play: Annotated[str, typer.Argument(help="The play: its condition is `manual`.")],
    account: Annotated[str, typer.Argument(help="The account's id.")],
    subject: Annotated[str | None, typer.Option(help="The user or the value, of a play that is not per account.")] = None,
    id: Annotated[str | None, typer.Option(help="The key: with the same one it is started once. Made up without it.")] = None,
    by: Annotated[str | None, typer.Option(help="Who starts it; without it, the key of the API.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="How many seconds to wait for what comes of it.")] = 10.0,
    json: AsJson = False,
) -> None:
    """Start a manual play for an account. Exit code 1 if it became no run, 3 if nothing came of it in time."""
    api = Api()
    given = {"account_id": account, "subject": subject, "id": id, "by": by}
    start = _followed(api, api.post(f"/api/v1/plays/{play}/runs", given), wait)
    if json:
        show.as_json(start)
    else:
        show.say(f"start {start['id']}")
    _conclude(start, wait, json)


def _followed(api: Api, start: dict[str, Any], wait: float) -> dict[str, Any]:
    """The start with what came of it, or as it is once the time is over."""
    deadline = time.monotonic() + wait
    while start["state"] == "waiting" and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        start = api.get(f"/api/v1/plays/{start['play']}/starts", account=start["account_id"], id=start["id"])
    return start


def _conclude(start: dict[str, Any], wait: float, json: bool) -> None:
    state = start["state"]
    if state == "waiting":
        raise Unreachable(f"nothing came of it in {wait:g} s; it is in the log, and {start['id']} starts it only once")
    if state == "decision":
        raise Found(f"no run: {start['reason']}")
    if state == "nothing":
        raise Found(f"no run: {NOTHING}")
    if not json:
        arm = "" if start["arm"] == "run" else f" ({start['arm']}: nothing is delivered)"
        typer.echo(f"run {start['run_id']}{arm}")
