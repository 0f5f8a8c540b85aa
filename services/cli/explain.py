"""`successplays plays explain`: why a play did, or did not, fire for an account."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import show
from services.cli.options import AsJson

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_MARKS = {True: ("+ ", "green"), False: ("- ", "red"), None: ("? ", "yellow")}
_VERDICTS = {True: "true", False: "false", None: "unknown"}


def explain(
    play: Annotated[str, typer.Argument(help="The play's name.")],
    account: Annotated[str, typer.Argument(help="The account's id.")],
    subject: Annotated[str | None, typer.Option(help="Of a play per user or value: which one.")] = None,
    at: Annotated[str | None, typer.Option(help="An instant of the past, ISO 8601.")] = None,
    json: AsJson = False,
) -> None:
    """Say why a play did, or did not, fire for an account: clause by clause, in numbers, and when that changes by itself."""
    from services.cli.api import Api, in_path

    answer = Api().get(f"/api/v1/plays/{in_path(play)}/explain", account=account, subject=subject, at=at)
    if json:
        show.as_json(answer)
    else:
        _print(answer)


def _print(answer: dict[str, Any]) -> None:
    # Wrapped for eyes, whole lines for programs that look for words.
    out = show.console(in_a_pipe=show.WHOLE_LINES)
    about = answer["account_id"]
    if answer["subject"] not in (None, about):
        about = f"{about} {answer['subject']}"
    title = f": {answer['title']}" if answer["title"] else ""
    out.print(f"{answer['play']} (version {answer['version']}, {answer['mode']}){title}")
    out.print(f"for {about} at {show.cell_of(answer['at'])}\n")
    if answer["subjects"] is not None:
        _print_subjects(answer)
    else:
        out.print(_verdict(answer))
        for name in ("audience", "condition", "resolve_when"):
            if answer[name] is not None:
                out.print(_tree(answer[name], name))
        if answer["condition"] is not None:
            _print_next(answer["next"])
    if answer["mute"] is not None:
        until, reason = show.cell_of(answer["mute"]["until"]), answer["mute"]["reason"]
        out.print(f"The account is muted until {until}: its deliveries are held. {reason}")
    _print_runs(answer)


def _print_subjects(answer: dict[str, Any]) -> None:
    for reason in answer["reasons"]:
        show.console().print(reason["words"])
    rows = [
        [one["subject"], _VERDICTS[one["verdict"]], "; ".join(reason["words"] for reason in one["reasons"])]
        for one in answer["subjects"]
    ]
    show.table([answer["per"], "verdict", "because"], rows, f"No {answer['per']} of this account was ever heard of.")
    if answer["more_subjects"]:
        show.say("There are more; --subject asks for one of them.")
    else:
        show.say("--subject tells one of them clause by clause.")


def _verdict(answer: dict[str, Any]) -> "Text":
    text = _marked(answer["verdict"], f"It is {_VERDICTS[answer['verdict']]}.", style="bold")
    for reason in answer["reasons"]:
        text.append(f"\n  {reason['words']}")
        if reason["run_id"] is not None:
            text.append(f" ({reason['run_id']})", style="dim")
    return text.append("\n")


def _tree(clause: dict[str, Any], name: str) -> "Tree":
    from rich.tree import Tree

    words = clause["words"] if clause["kind"] in ("all", "any", "not", "field") else f"{clause['kind']}: {clause['words']}"
    tree = Tree(_marked(clause["verdict"], f"{name}: {words}", style="bold"))
    _grow(tree, clause["clauses"])
    return tree


def _grow(tree: "Tree", clauses: Iterable[dict[str, Any]]) -> None:
    for clause in clauses:
        plain = clause["kind"] in ("all", "any", "not", "missing", "field", "milestone")
        words = clause["words"] if plain else f"{clause['kind']}: {clause['words']}"
        _grow(tree.add(_marked(clause["verdict"], words)), clause["clauses"])


def _marked(verdict: bool | None, words: str, style: str = "") -> "Text":
    from rich.text import Text

    mark, colour = _MARKS[verdict]
    return Text.assemble((mark, colour), (words, style))


def _print_next(following: dict[str, Any] | None) -> None:
    out = show.console()
    if following is None:
        out.print("\nNothing of it changes by itself: only an event does.")
        return
    then = [f"it is {_VERDICTS[following['verdict']]}"]
    then += ["a run opens"] if following["opens"] else []
    then += ["the run resolves"] if following["resolves"] else []
    then += [f"no ordinary run: {reason}" for reason in following["reasons"]]
    out.print(f"\nIf nothing happens, on {show.cell_of(following['at'])} {', '.join(then)}.")


def _print_runs(answer: dict[str, Any]) -> None:
    columns = {"run opened": "opened_at", "resolved": "resolved_at", "because": "resolution", "arm": "arm", "id": "run_id"}
    several = {"subject": "subject"} if answer["subjects"] is not None else {}
    show.listing(answer["runs"], several | columns, "\nIt has had no run here.")
    held = [{**sent, "run": run["run_id"]} for run in answer["runs"] for sent in run["deliveries"]]
    if held:
        sent = {"step": "step", "kind": "kind", "to": "destination", "state": "state", "reason": "reason", "id": "delivery_id"}
        show.listing(held, sent, "")
    if answer["decisions"]:
        made = {"decided": "at", "no ordinary run": "reason", "detail": "detail"}
        show.listing(answer["decisions"], several | made, "")
