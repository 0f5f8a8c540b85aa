"""`successplays plays`: check, apply, list, pause, resume. Other files add theirs: backtest."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.failures import Found, WrongUsage
from services.cli.options import AsJson, Workspace

app = typer.Typer(no_args_is_help=True, help="Plays: checked, applied, paused.")
Name = Annotated[str, typer.Argument(help="The play's name.")]
HERE = Path()


def read_workspace(folder: Path) -> dict[str, str]:
    """The files of a workspace.

    Raises:
        WrongUsage: the folder is not there, or is no workspace.
    """
    from shared.workspace.files import UnreadableFile, read_folder

    try:
        files = read_folder(folder)
    except UnreadableFile as error:
        raise WrongUsage(str(error)) from None
    if not files:
        raise WrongUsage(f"{folder} holds no workspace: neither successplays.yaml nor plays/*.yaml")
    return files


@app.command("check")
def check_plays(workspace: Workspace = HERE, json: AsJson = False) -> None:
    """Say what is wrong with a workspace, everything at once. Needs no running system. Exit code 1 if something is."""
    from services.cli.check import check

    files = read_workspace(workspace)
    checked = check(files)
    if json:
        import msgspec

        problems = [msgspec.to_builtins(problem) for problem in checked.problems]
        show.as_json({"ok": not problems, "plays": sorted(play.name for play in checked.plays), "problems": problems})
    else:
        _refuse(checked, files)
        show.say(f"{len(checked.plays)} plays, no problems.")
    if checked.problems:
        raise Found("")


@app.command("apply")
def apply_plays(
    workspace: Workspace = HERE,
    by: Annotated[str | None, typer.Option(help="Who applies; without it, the key.")] = None,
    commit: Annotated[str | None, typer.Option(help="The commit it comes from.")] = None,
    at: Annotated[str | None, typer.Option(help="The time of its record, in a log opened for replay only.")] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long for `already true` at most.")] = 5.0,
    json: AsJson = False,
) -> None:
    """Make a workspace the one that counts, at once or not at all. Applying the same again changes nothing.

    `already true` says for how many subjects a new condition is true already; `on_activate` says what becomes of them.
    """
    from services.cli.activation import with_already_true
    from services.cli.api import Api
    from services.cli.check import check

    files = read_workspace(workspace)
    _refuse(check(files), files)
    api = Api()
    outcome = api.post("/api/v1/plays/apply", {"files": files, "by": by, "commit": commit, "at": at})
    outcome["plays"] = with_already_true(api, outcome["plays"], wait if outcome["published"] else 0)
    if json:
        show.as_json(outcome)
        return
    columns = {name: name for name in ("play", "version", "change", "paused")} | {"already true": "already_true"}
    show.listing(outcome["plays"], columns, "The workspace has no plays.")
    if not outcome["published"]:
        show.say("Kept, but the log is away: the plays take effect when it is back.")


@app.command("list")
def list_plays(
    archived: Annotated[bool, typer.Option("--archived", help="Also those whose file is gone.")] = False, json: AsJson = False
) -> None:
    """Every play as applied, with its state."""
    from services.cli.api import Api

    plays = Api().get("/api/v1/plays", archived=archived)["items"]
    if json:
        show.as_json(plays)
        return
    columns = {
        "play": "play",
        "version": "version",
        "title": "title",
        "mode": "mode",
        "rollout": "rollout",
        "promoted": "promoted",
        "paused": "paused",
        "archived": "archived",
    }
    rest = {"applied": "applied_at", "by": "applied_by", "commit": "commit"}
    show.listing(plays, columns | rest, "No play is applied yet: `successplays plays apply --workspace DIR`.")


@app.command("pause")
def pause(play: Name, json: AsJson = False) -> None:
    """Let a play open no more runs until it is resumed. Open runs and their tasks stay."""
    _set_paused(play, "pause", json)


@app.command("resume")
def resume(play: Name, json: AsJson = False) -> None:
    """Let a play open runs again."""
    _set_paused(play, "resume", json)


@app.command("promote")
def promote(
    play: Name,
    mode: Annotated[str | None, typer.Option(help="shadow or live.")] = None,
    rollout: Annotated[str | None, typer.Option(help="A share of the subjects, such as 25%.")] = None,
    json: AsJson = False,
) -> None:
    """Let a mode or a share count beside the file, until the file says something else about them."""
    from services.cli.api import Api

    outcome = Api().post(f"/api/v1/plays/{play}/promote", {"mode": mode, "rollout": rollout})
    if json:
        show.as_json(outcome)
        return
    said = ", ".join(f"{name} {outcome[name]}" for name in ("mode", "rollout") if outcome[name] is not None)
    show.say(f"{play} has {said} now; put it into its file with the next change.")


def _set_paused(play: str, verb: str, json: bool) -> None:
    from services.cli.api import Api

    outcome = Api().post(f"/api/v1/plays/{play}/{verb}")
    if json:
        show.as_json(outcome)
        return
    show.say(f"{play} is paused." if outcome["paused"] else f"{play} is not paused.")


def _refuse(checked: Any, files: dict[str, str]) -> None:
    """Raises Found: what is wrong was printed, with the lines it is in."""
    if checked.problems:
        from shared.workspace.problems import render

        typer.echo(render(checked.problems, files))
        raise Found("")
