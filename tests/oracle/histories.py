"""Histories in files: the generated logs as somebody would export them, with repeats, holes, and accounts that begin and end."""

from typing import Any

from hypothesis import strategies as st

from shared.instants import DAY, HOUR, Instant, parse_instant, show_instant
from shared.records import Event, JsonObject
from tests.oracle.backtested import History
from tests.oracle.generated import logs
from tests.oracle.generated_plays import PLACES, Draw, durations_of, pick, plays

MONTH = 31 * DAY


@st.composite
def histories(draw: Draw) -> History:
    """Plays, rows of events in any order, rows of accounts, and where time ends."""
    zone, text = draw(pick(PLACES))
    begin = parse_instant(text)
    given = [draw(plays(f"p{number}", zone)) for number in range(draw(pick([1, 1, 2, 3])))]
    durations = durations_of(given)
    log = draw(logs(begin, durations, zone))
    accounts = [
        draw(account_rows(name, log, durations)) for name in draw(pick([[], ["acme"], ["acme", "silent"], ["bolt", "zed"]]))
    ]
    told = {row["account_id"] for row in accounts if row["started_at"]}
    rows = [draw(posted(event, number, event.account_id in told)) for number, event in enumerate(log)]
    rows += [draw(repeated(row, durations)) for row in draw(st.lists(pick(rows), max_size=3))]
    last = log[-1].received_at
    return History(
        plays=given,
        rows=draw(st.permutations(rows)) if draw(st.booleans()) else rows,
        accounts=accounts,
        labels=["churned_at"] if accounts and draw(st.booleans()) else [],
        until=draw(pick([None, None, last, *(last + sign * one for one in durations for sign in (1, -1))])),
        since=draw(pick([None, None, None, begin, begin + DAY])),
    )


@st.composite
def posted(draw: Draw, event: Event, number: int, starts_in_file: bool) -> JsonObject:
    """The event as a line; where it says one instant only, that is both."""
    row: JsonObject = {"id": event.id, "name": event.name, "properties": event.properties, "seq": number}
    occurred_at = event.occurred_at or 0
    if draw(st.integers(1, 6)) == 1:
        # A clock that runs ahead.
        occurred_at = event.received_at + draw(pick([1, HOUR, DAY]))
    if occurred_at != event.received_at or draw(st.booleans()):
        row["received_at"] = show_instant(event.received_at)
    if "received_at" not in row or draw(st.integers(1, 10)) > 1:
        row["occurred_at"] = show_instant(occurred_at)
    if draw(st.integers(1, 15)) > 1:
        row["account_id"] = event.account_id
    traits = {name: value for name, value in (event.traits or {}).items() if not starts_in_file or name != "started_at"}
    given = {
        "user_id": event.user_id,
        "traits": traits,
        "user_traits": event.user_traits,
        "source": draw(pick([None, None, "crm"])),
    }
    return {**row, **{name: value for name, value in given.items() if value}}


@st.composite
def repeated(draw: Draw, row: JsonObject, durations: list[int]) -> JsonObject:
    """The same event again, at once or about a month or two later; sometimes it says something else."""
    text: str = row["received_at"] if "received_at" in row else row["occurred_at"]
    later = parse_instant(text) + draw(pick([0, 0, 1, *durations, MONTH, 2 * MONTH]))
    again = {**row, "received_at": show_instant(later), "seq": row["seq"] + draw(pick([0, 100]))}
    if draw(st.booleans()):
        again["name"] = draw(pick(["a.x", "b.x"]))
    if draw(st.integers(1, 4)) == 1:
        again["source"] = "other"
    return again


@st.composite
def account_rows(draw: Draw, account_id: str, log: list[Event], durations: list[int]) -> dict[str, str]:
    """One line of the file of accounts."""

    def near(moments: list[Instant]) -> Any:
        offs = [0, 0, *durations, *(-one for one in durations)]
        return st.builds(lambda at, off, beside: show_instant(at + off + beside), pick(moments), pick(offs), pick([0, 0, 1, -1]))

    first, last = log[0].received_at, log[-1].received_at
    moments = [one.received_at for one in log]
    dates = near([first]).map(lambda text: text[:10])
    started_at = draw(st.one_of(st.just(""), near([first]), near([first]), near(moments), dates))
    return {
        "account_id": account_id,
        "started_at": started_at,
        "ends_at": draw(st.one_of(st.just(""), st.just(""), near([last]), near(moments))),
        "churned_at": draw(st.one_of(st.just(""), st.just(""), near(moments))),
        "plan": draw(pick(["pro", "free", "", "7"])),
        "seats": draw(pick(["2", "4", "", "6.0"])),
        "d1": draw(st.one_of(st.just(""), near(moments), near(moments).map(lambda text: text[:10]), st.just("soon"))),
        "d2": draw(st.one_of(st.just(""), near(moments))),
    }
