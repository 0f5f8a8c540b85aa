"""`successplays db`: the schema. Besides the services, the only command that opens the database."""

import asyncio

import typer

from services.cli import show
from services.cli.failures import Unreachable, WrongUsage

app = typer.Typer(no_args_is_help=True, help="The database's schema.")


@app.callback()
def _group() -> None:
    """Keeps `db upgrade` a command of a group, as there is only one."""


@app.command("upgrade")
def upgrade() -> None:
    """Bring the schema up to this version. Doing it again changes nothing."""
    from sqlalchemy.exc import DBAPIError

    from shared.db import database
    from shared.settings import read_settings

    try:
        asyncio.run(database.upgrade(read_settings()))
    except database.DatabaseUrlInvalid as error:
        raise WrongUsage(str(error)) from None
    except (DBAPIError, OSError) as error:
        raise Unreachable(f"the database cannot be upgraded: {error}") from None
    show.say("The schema is up to date.")
