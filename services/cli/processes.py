"""`successplays up`, `ingest`, `rules`, `actions`, `console`: the services as processes, and all of them in one."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.api import ADMIN_KEY
from services.cli.failures import Failure, Found, Unreachable, WrongUsage
from services.cli.options import Workspace
from shared.settings import read_settings


def register(app: typer.Typer) -> None:
    """Add the commands, at the top level."""
    for command in (up, ingest, rules, actions, console):
        app.command()(command)


def up(
    workspace: Workspace = Path(),
    sample: Annotated[bool, typer.Option("--sample", help="First live through the workspace's sample.yaml, once.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every decision, not only what is wrong.")] = False,
) -> None:
    """Run the whole system in this process, until Ctrl-C: no other server is needed."""
    from services.cli.up.system import run_system

    serve(run_system(read_settings(), workspace, sample=sample), quiet=not verbose)


def ingest() -> None:
    """Take events over HTTP and put them into the log."""
    from services.ingest.main import serve as serve_ingest

    serve(serve_ingest(read_settings()))


def rules() -> None:
    """Decide: events and time against the plays."""
    from services.rules.main import serve as serve_rules

    serve(serve_rules(read_settings()))


def actions() -> None:
    """Deliver: tasks, messages, e-mails, webhooks."""
    from services.actions.main import serve as serve_actions

    serve(serve_actions(read_settings()))


def console() -> None:
    """Serve the API that people and commands use."""
    from services.cli.check import check
    from services.console.main import serve as serve_console
    from services.rules.explaining import explain_play

    settings = read_settings()
    serve(serve_console(settings, check, explain_play, settings.data / ADMIN_KEY))


def serve(service: Coroutine[Any, Any, None], *, quiet: bool = False) -> None:
    """Run a service until it is told to stop.

    Raises:
        Failure: it could not begin or go on; a sentence says why.
    """
    import logging

    import uvloop

    from shared.telemetry import set_up_logging

    set_up_logging(logging.WARNING if quiet else logging.INFO)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(service)
    except Exception as error:
        # The parts of a process that fail together fail for the same reason: one of them says it.
        first: BaseException = error
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        failure = failure_of(first)
        if failure is None:
            raise
        raise failure from error


def failure_of(error: BaseException) -> Failure | None:
    """What an error that ends a service means to whoever started it; None: it means that we made a mistake."""
    from sqlalchemy.exc import DBAPIError

    from shared.db.database import DatabaseUrlInvalid, SchemaOutOfDate
    from shared.log.contract import LogMisconfigured, LogUnavailable

    if isinstance(error, Failure):
        return error
    if isinstance(error, SchemaOutOfDate | LogMisconfigured):
        return Found(str(error))
    if isinstance(error, DatabaseUrlInvalid):
        return WrongUsage(str(error))
    if isinstance(error, LogUnavailable):
        return Unreachable(str(error))
    if isinstance(error, DBAPIError | OSError):
        return Unreachable(f"the database or a file cannot be used: {error}")
    return None
