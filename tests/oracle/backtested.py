"""What a backtest of files should find, by the definitions: which events count, where an account begins and where time ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.instants import Instant, month_of, parse_instant
from shared.records import Event, JsonObject, as_json
from tests.oracle.compared import Line, lines_of
from tests.oracle.expected import lives_in
from tests.oracle.told import Case


@dataclass(frozen=True)
class History:
    """Files and what is asked of them: `rows` as posted, `accounts` as cells of a CSV file, by column."""

    plays: Sequence[JsonObject]
    rows: Sequence[JsonObject]
    accounts: Sequence[Mapping[str, str]] = ()
    labels: Sequence[str] = ()
    until: Instant | None = None
    since: Instant | None = None
    listening: Mapping[str, Instant] = field(default_factory=dict)


def found_in(history: History) -> list[Line]:
    """The lines of all runs, as `compared` has them, without their cause and the reason of their end."""
    log = [one for one in log_of(history.rows) if history.until is None or one.received_at <= history.until]
    if not log and history.until is None:
        return []
    # 'Time ends at `--until`, else at the last event of the whole log.'
    begin = log[0].received_at if log else history.until or 0
    until = log[-1].received_at if history.until is None else history.until
    lines = []
    for account_id in sorted({one.account_id for one in log if one.account_id} | {row["account_id"] for row in history.accounts}):
        row = next((row for row in history.accounts if row["account_id"] == account_id), {})
        heard = unrepeated(one for one in log if one.account_id == account_id)
        lines += list(_of_account(history, account_id, row, heard, begin, until))
    return sorted(lines, key=repr)


def _of_account(
    history: History, account_id: str, row: Mapping[str, str], heard: list[Event], begin: Instant, until: Instant
) -> Iterator[Line]:
    """'With a `started_at`, evaluation begins there, but not before the log's first record, and earlier events only fill memory';
    'at either the account ends, and its open runs with it'.
    """
    ends = [parse_instant(row[name]) for name in ("ends_at", *history.labels) if row.get(name)]
    end = min([until, *ends])
    begins_at = max(parse_instant(row["started_at"]), begin) if row.get("started_at") else None
    if begins_at is not None and begins_at > end:
        return
    own = tuple(one for one in heard if one.received_at <= end)
    if begins_at is None and not own:
        return
    traits = {
        name: value_of(cell) for name, cell in row.items() if name not in {"account_id", "ends_at", *history.labels} and cell
    }
    for play in history.plays:
        case = Case(play, account_id, None, history.listening, begin, traits, begins_at)
        for life in lives_in(case, own, end):
            for run in life.runs:
                if run.resolved_at is None and ends and min(ends) <= until:
                    run.resolved_at = end
            for kind, *place, opened_at, _, numbers, resolved_at, _ in (one for one in lines_of(life, play) if one[0] == "run"):
                if history.since is None or parse_instant(opened_at) >= history.since:
                    yield (kind, *place, opened_at, numbers, resolved_at)


def value_of(cell: str) -> float | bool | str:
    """'A CSV value is a number if it is a JSON number, true or false if it says so, else text.'"""
    if cell in {"true", "false"}:
        return cell == "true"
    return float(cell) if cell.replace(".", "", 1).isdigit() else cell


def log_of(rows: Sequence[JsonObject]) -> list[Event]:
    """'taken in the order of (`received_at`, else `occurred_at`; `seq`; id)'; 'one later than `received_at` becomes it'."""
    log = []
    for row in rows:
        occurred_at, received_at = (parse_instant(row[name]) if name in row else None for name in ("occurred_at", "received_at"))
        heard = received_at if received_at is not None else occurred_at or 0
        event = Event(
            id=row["id"],
            name=row["name"],
            source=row.get("source", "file"),
            account_id=row.get("account_id"),
            user_id=row.get("user_id"),
            occurred_at=min(heard, occurred_at if occurred_at is not None else heard),
            received_at=heard,
            properties_json=as_json(row.get("properties", {})),
            traits=row.get("traits"),
            user_traits=row.get("user_traits"),
        )
        log.append((heard, row.get("seq", 0), row["id"], event))
    return [event for *_, event in sorted(log, key=lambda one: one[:3])]


def unrepeated(log: Iterator[Event]) -> list[Event]:
    """'A repeat is dropped when the first was received in the same or the previous calendar month (UTC); later it is a new
    event'.
    """
    kept: list[Event] = []
    for event in log:
        first = [one for one in kept if (one.source, one.id) == (event.source, event.id)]
        if not first or month_of(event.received_at) - month_of(first[-1].received_at) > 1:
            kept.append(event)
    return kept
