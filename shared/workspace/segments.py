"""Reusable audiences: `segment: strategic` in an audience is replaced by the matchers of that name in `successplays.yaml`.

They are appended to the mapping's `all`, so that everything else keeps its place.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.workspace.positions import Loc

_KEY = "segment"


class UnknownSegment(NamedTuple):
    """A name that no segment has (or something that is no name), and where it stands."""

    loc: Loc
    name: object


def with_segments(audience: Any, segments: Mapping[str, Any], loc: Loc) -> tuple[Any, list[UnknownSegment]]:
    """The audience with its segments written in, wherever a mapping of matchers stands in it; it is not changed itself.

    A segment that is None exists but is wrong itself: it is left out. Returned beside it are the names that nothing has.
    """
    if not isinstance(audience, dict):
        return audience, []
    unknown: list[UnknownSegment] = []
    written: dict[str, Any] = {}
    for key, value in audience.items():
        if key in ("all", "any") and isinstance(value, list):
            parts = [with_segments(one, segments, (*loc, key, index)) for index, one in enumerate(value)]
            written[key] = [part for part, _ in parts]
            unknown += [name for _, names in parts for name in names]
        elif key == "not":
            written[key], names = with_segments(value, segments, (*loc, key))
            unknown += names
        elif key != _KEY:
            written[key] = value
    if _KEY in audience:
        unknown += _write_in(written, audience[_KEY], segments, (*loc, _KEY))
    return written, unknown


def _write_in(written: dict[str, Any], named: Any, segments: Mapping[str, Any], loc: Loc) -> list[UnknownSegment]:
    names = named if isinstance(named, list) else [named]
    unknown = [
        UnknownSegment((*loc, index) if isinstance(named, list) else loc, name)
        for index, name in enumerate(names)
        if not isinstance(name, str) or name not in segments
    ]
    found = [segments[name] for name in names if isinstance(name, str) and segments.get(name) is not None]
    together = written.get("all", [])
    if found and isinstance(together, list):
        written["all"] = [*together, *found]
    return unknown
