"""Numbers, durations, instants and events in words for people, as the clauses of a verdict say them."""

from services.rules.core.fields import EventFilter, Measure
from shared.instants import DAY, HOUR, MINUTE, SECOND, Instant, Microseconds, datetime_of
from shared.matchers import asked

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))


def number(value: float) -> str:
    """At most two decimals, and none of a whole number: `11`, `3.14`, `1,234`."""
    shown = f"{value:,.2f}" if abs(value) < 1e15 else f"{value:g}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def percent(share: float) -> str:
    """`21%`, `0.4%`."""
    return f"{number(share * 100)}%"


def span(duration: Microseconds) -> str:
    """A duration in one unit: whole days as days, `1.5 hours` of others. Weeks are said in days."""
    for unit, name in _UNITS:
        if abs(duration) >= unit:
            shown = number(round(duration / unit, 1))
            return f"{shown} {name}" if shown == "1" else f"{shown} {name}s"
    return "no time" if duration == 0 else "less than a second"


def moment(instant: Instant) -> str:
    """`2026-03-01 09:00Z`, with seconds only where there are any."""
    try:
        at = datetime_of(instant)
    except OverflowError:  # a date with years added to it
        return "a time before the year 1" if instant < 0 else "a time after the year 9999"
    return f"{at:%Y-%m-%d %H:%M}Z" if not (at.second or at.microsecond) else f"{at:%Y-%m-%d %H:%M:%S}Z"


def events(filter: EventFilter) -> str:
    """`ticket.created or ticket.reopened, where properties.priority: urgent`."""
    names = " or ".join("any event" if name == "any" else name for name in filter.of)
    return names if filter.where is None else f"{names} (where {asked(filter.where)})"


def amount(measure: Measure, value: float, filter: EventFilter) -> str:
    """`11 report.exported`, `3 users with any event`, `a sum of 40 in properties.pages of report.exported`."""
    many, of = number(value), events(filter)
    one = many == "1"
    if measure.kind == "count":
        return f"{many} {of}"
    if measure.kind in ("users", "days"):
        return f"{many} {measure.kind[:-1] if one else measure.kind} with {of}"
    if measure.kind == "distinct":
        return f"{many} different {measure.path} in {of}"
    kind = {"sum": "sum", "min": "least", "max": "most", "avg": "average", "last": "last value"}[measure.kind]
    return f"a {kind} of {many} in {measure.path} of {of}"
