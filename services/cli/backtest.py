"""`successplays plays backtest`: plays on files of history, on this machine, without a server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import show
from services.cli.failures import Found, WrongUsage
from shared.instants import DAY, Instant, Microseconds, parse_duration, parse_instant

if TYPE_CHECKING:
    from services.cli.check import Checked
    from services.rules.backtest.backtest import Answer
    from services.rules.backtest.replay import PastRun

PLAY_FILES = {".yaml", ".yml"}
WITHIN = 30 * DAY


def backtest(
    paths: Annotated[list[Path], typer.Argument(metavar="PLAYS...", help="Play files, or a workspace's folder.")],
    *,
    events: Annotated[list[Path], typer.Option(metavar="FILE...", help="Parquet or JSON Lines; several files are one log.")],
    accounts: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="account_id, started_at, ends_at, traits.")] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Count runs from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Time ends there.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="When something befell an account.")] = None,
    within: Annotated[list[str] | None, typer.Option(metavar="DURATION", help="How soon after a run it counts: 30d.")] = None,
    runs: Annotated[Path | None, typer.Option(metavar="OUT.jsonl", help="Write each run there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """What plays would have done with the events of files."""
    from services.ingest.reading.names import normalise
    from services.rules.backtest.backtest import Question
    from services.rules.backtest.backtest import backtest as answer_of
    from services.rules.backtest.unreadable import Unreadable

    # `--events a b`: what follows the first file arrives among the plays.
    more = [path for path in paths if not path.is_dir() and path.suffix not in PLAY_FILES]
    checked = _checked([path for path in paths if path not in more])
    question = Question(
        plays=[play.document for play in checked.plays],
        events=[*events, *more],
        accounts=accounts,
        listening=checked.listening,
        since=_instant("--from", begin),
        until=_instant("--until", until),
        within=_within(label or [], within or []),
    )
    if question.within and accounts is None:
        raise WrongUsage("--label names a column of --accounts: give that file too")
    follower = _Follower(checked, collect=runs is not None)
    try:
        with follower.progress:
            answer = answer_of(question, follower, normalise)
    except Unreadable as error:
        raise WrongUsage(str(error)) from error
    if runs is not None:
        follower.write(runs)
    if json:
        show.as_json(_plain(answer))
    else:
        _print(answer)


# ------------------------------------------------------------------ what was asked


def _checked(paths: list[Path]) -> "Checked":
    """The plays, checked as `plays check` does.

    Raises:
        Found: something is wrong with them; it was printed.
        WrongUsage: they cannot be read, or there are none.
    """
    from services.cli.check import check
    from shared.workspace.files import UnreadableFile
    from shared.workspace.problems import render

    try:
        files = _files(paths)
    except UnreadableFile as error:
        raise WrongUsage(str(error)) from error
    checked = check(files)
    if checked.problems:
        show.say(render(checked.problems, files))
        raise Found("")
    if not checked.plays:
        raise WrongUsage("there is no play in what was given")
    return checked


def _files(paths: list[Path]) -> dict[str, str]:
    """The text of a workspace, or of single plays and the settings of the workspace they lie in."""
    from shared.workspace.files import PEOPLE, SETTINGS, UnreadableFile, read_folder

    files: dict[str, str] = {}
    for path in paths:
        if path.is_dir():
            files |= read_folder(path)
            continue
        try:
            files[f"plays/{path.name}"] = path.read_text(encoding="utf-8-sig")
            for name in (SETTINGS, PEOPLE):
                beside = path.resolve().parent.parent / name
                if path.resolve().parent.name == "plays" and beside.is_file():
                    files[name] = beside.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableFile(f"{path} cannot be read: {error}") from error
    return files


def _instant(option: str, text: str | None) -> Instant | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise WrongUsage(f"{option}: {error}") from error


def _within(labels: list[str], durations: list[str]) -> dict[str, Microseconds]:
    """Each label's time: its own `--within`, or the one that was given for all, or 30 days."""
    try:
        times = [parse_duration(text) for text in durations] or [WITHIN]
    except ValueError as error:
        raise WrongUsage(f"--within: {error}") from error
    if len(times) == 1:
        times *= len(labels)
    if len(times) != len(labels):
        raise WrongUsage(f"there are {len(labels)} --label and {len(times)} --within: give one for each, or one for all")
    return dict(zip(labels, times, strict=True))


# ------------------------------------------------------------------ while it works


class _Follower:
    """Shows the progress on standard error and keeps the lines of runs, if they are wanted."""

    def __init__(self, checked: "Checked", collect: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from services.cli.rendered_steps import people_of

        columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress: Progress = Progress(*columns, console=show.console(to_stderr=True), disable=not sys.stderr.isatty())
        self._task = self.progress.add_task("events", total=None)
        self._people = people_of(checked.workspace)
        self._collect = collect
        self._with_goals = {play.name for play in checked.plays if "goal" in play.document}
        self._lines: list[tuple[Instant, str, str, str, str, bytes]] = []

    def found(self, events: int) -> None:
        """The size of the work."""
        self.progress.update(self._task, total=events)

    def took(self, events: int) -> None:
        """A part of it is done."""
        self.progress.advance(self._task, events)

    def ran(self, run: "PastRun") -> None:
        """Keep the run's line."""
        from services.cli.rendered_steps import rendered_steps
        from services.rules.backtest.lines import run_line

        if self._collect:
            opened = run.opened
            order = (opened.opened_at, opened.play, opened.account_id, opened.subject, opened.run_id)
            line = run_line(run, rendered_steps(opened, self._people), has_goal=opened.play in self._with_goals)
            self._lines.append((*order, line))

    def write(self, path: Path) -> None:
        """Write the lines in the order in which the runs opened."""
        try:
            with path.open("wb") as out:
                out.writelines(line + b"\n" for *_, line in sorted(self._lines))
        except OSError as error:
            raise WrongUsage(f"{path} cannot be written: {error.strerror}") from error


# ------------------------------------------------------------------ what is printed


def _plain(answer: "Answer") -> Any:
    import msgspec

    return msgspec.to_builtins(answer)


def _print(answer: "Answer") -> None:
    """The figures for people."""
    columns = ["play", "runs", "accounts", "runs per 100 account-weeks", "share of account-weeks"]
    rows = [
        [
            name,
            figures.runs,
            figures.accounts,
            _figure(figures.runs_per_100_account_weeks, figures.intervals["runs_per_100_account_weeks"]),
            _share(figures.share_of_account_weeks, figures.intervals["share_of_account_weeks"]),
        ]
        for name, figures in answer.plays.items()
    ]
    show.table(columns, rows, "no plays")
    _print_labels(answer)
    _print_goals(answer)
    for name, figures in answer.plays.items():
        for path, lacking in figures.lacking.items():
            show.say(f"{name}: {lacking} accounts have no {path}; its audience is unknown for them")
    if answer.unassigned:
        show.say(f"{answer.unassigned} events have no account and were left out")
    show.say(f"{answer.events} events in {answer.seconds:.1f} s, {answer.events_per_second:,.0f} a second")


def _print_labels(answer: "Answer") -> None:
    columns = ["play", "label", "base rate", "precision", "lift", "lift of weeks", "caught", "lead (days)"]
    rows = []
    for name, figures in answer.plays.items():
        for label, against in figures.labels.items():
            shown = against.intervals
            rows.append([
                name,
                f"{label} within {against.within}",
                _share(against.base_rate, shown["base_rate"]),
                _share(against.precision, shown["precision"]),
                _figure(against.lift, shown["lift"]),
                _figure(against.lift_weeks, shown["lift_weeks"]),
                _share(against.caught, shown["caught"]),
                _figure(against.lead_days, shown["lead_days"]),
            ])  # fmt: skip
    if rows:
        show.table(columns, rows, "no labels")


def _print_goals(answer: "Answer") -> None:
    rows = [
        [name, arm, goal.watched, goal.reached, _share(goal.share, goal.intervals["share"])]
        for name, figures in answer.plays.items()
        for arm, goal in (figures.goal or {}).items()
    ]
    if rows:
        show.table(["play", "arm", "runs watched to the end", "goal reached", "share"], rows, "no goals")


def _figure(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if interval is None else f"{value:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"


def _share(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if interval is None else f"{value:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"
