"""open: things and which of them are open, from everything that carries their value, event by event."""

from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from shared.instants import DAY, Instant, parse_duration
from shared.records import Event, JsonObject
from tests.oracle.matching import matches
from tests.oracle.told import Case, Moment, below, own, passes, trait

FORGOTTEN_AFTER = 90 * DAY


def open_things(form: JsonObject, case: Case, moment: Moment) -> int:
    """How many things are open at that moment, by the form's `where` and `for`."""
    path = form["by"].removeprefix("properties.")
    things: dict[str, list[Event]] = {}
    for event in own(case, moment):
        value = below(path, event.properties)
        if value is None:
            continue
        known = things.setdefault(str(value), [])
        if known and open_since(known, form, case, moment) is None and event.received_at - _latest(known) > FORGOTTEN_AFTER:
            known.clear()
        known.append(event)
    return sum(_counts(events, form, case, moment) for events in things.values())


def _latest(events: list[Event]) -> Instant:
    return max(one.occurred_at or 0 for one in events)


def _counts(events: list[Event], form: JsonObject, case: Case, moment: Moment) -> bool:
    """'`where` is judged on its properties, which come from every event that carries its `by` value, later ones over earlier;
    `for` counts only those open for longer.'
    """
    since = open_since(events, form, case, moment)
    if since is None or ("for" in form and not moment.t - since > parse_duration(form["for"])):
        return False
    properties: JsonObject = {}
    for event in sorted(events, key=attrgetter("occurred_at")):
        properties |= event.properties

    def look(path: str) -> Any:
        root, _, rest = path.partition(".")
        return below(rest, properties) if root == "properties" else trait(path, case, moment)

    return matches(form.get("where", {}), look, moment.t, case.zone) is True


def open_since(events: list[Event], form: JsonObject, case: Case, moment: Moment) -> Instant | None:
    """'open when the latest by `occurred_at` of its `opens` and `closes` is an `opens`; it is open since the first `opens` after
    its last `closes`; an event that matches both closes; of equal `occurred_at` the later in the log counts'; 'an `opens` heard
    more than 90 days late is ignored'.
    """
    steps: list[tuple[Instant, bool]] = []
    for event in events:
        occurred_at = event.occurred_at or 0
        if passes(event, form["closes"], case, moment):
            steps.append((occurred_at, False))
        elif passes(event, form["opens"], case, moment) and event.received_at - occurred_at <= FORGOTTEN_AFTER:
            steps.append((occurred_at, True))
    in_order = groupby(sorted(steps, key=itemgetter(0)), key=itemgetter(1))
    spells = [(opens, [at for at, _ in spell]) for opens, spell in in_order]
    return spells[-1][1][0] if spells and spells[-1][0] else None
