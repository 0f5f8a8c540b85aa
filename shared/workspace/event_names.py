"""The event names that a play's conditions use, and where: what is compared with the catalogue."""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.workspace.positions import Loc

# Kinds whose `of` is a trait, or that hear no event.
_WITHOUT_EVENTS = ("trait", "change", "date", "every", "manual")
_FILTERS = ("event", "of", "opens", "closes")
_NOT_CONDITIONS = ("where", "measure", "by", "peers")
ANY = "any"
# What we say ourselves.
OUR_OWN = ("task.completed", "play.started")


def event_names(condition: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Every event name of a condition as written, patterns such as `ticket.*` included, with its place."""
    if isinstance(condition, list):
        for index, one in enumerate(condition):
            yield from event_names(one, (*loc, index))
    if not isinstance(condition, dict):
        return
    for key, value in condition.items():
        if key in _FILTERS and isinstance(value, str):
            yield (*loc, key), value
        elif key in _FILTERS and isinstance(value, list):
            yield from (((*loc, key, index), name) for index, name in enumerate(value) if isinstance(name, str))
        elif key not in (*_WITHOUT_EVENTS, *_NOT_CONDITIONS):
            yield from event_names(value, (*loc, key))


def is_known(name: str, catalogue: Iterable[str]) -> bool:
    """Whether a name, a pattern or `any` can be an event of the catalogue, or one of our own."""
    if name == ANY:
        return True
    if name.endswith(".*"):
        return any(known.startswith(name[:-1]) for known in (*catalogue, *OUR_OWN))
    return name in OUR_OWN or name in catalogue
