"""`/api/v1/event-names`: which events were heard, how often, since when, with which properties: what a catalogue is made of."""

from collections import Counter

import msgspec
from fastapi import APIRouter

from services.console.access import Reader
from services.console.parts import Given
from services.console.shown import Moment, Shown
from services.console.store import event_names as store
from shared.db.database import reading
from shared.instants import month_of

# Of so many of its newest events the properties are looked at.
LOOKED_AT = 200

router = APIRouter(prefix="/event-names", tags=["accounts"])


class EventName(Shown):
    """A name. `properties` says in how many of the `looked_at` newest events each property stood, the most frequent first."""

    name: str
    events: int
    first_at: Moment
    last_at: Moment
    looked_at: int
    properties: dict[str, int]


@router.get("")
async def list_event_names(parts: Given, _: Reader) -> list[EventName]:
    """Every name that an event of an account had."""
    async with reading(parts.database) as connection:
        counted = await store.count_names(connection)
        names = [row.name for row in counted]
        # Most names were heard lately; only for the others all history is gone through.
        lately = month_of(parts.clock()) - 1
        rows = list(await store.newest_properties(connection, LOOKED_AT, names=names, since_month=lately))
        others = sorted(set(names) - {row.name for row in rows})
        if others:
            rows += await store.newest_properties(connection, LOOKED_AT, names=others, since_month=None)
    looked_at = Counter(row.name for row in rows)
    properties: dict[str, Counter[str]] = {name: Counter() for name in names}
    for row in rows:
        properties[row.name].update(msgspec.json.decode(row.properties).keys())
    return [EventName.of(row, looked_at=looked_at[row.name], properties=_most_first(properties[row.name])) for row in counted]


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
