"""Reusable audiences: `segment: strategic` in an audience is replaced by the matchers of that name in `successplays.yaml`.

They are appended to the mapping's `all`, so that everything else keeps its place.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.workspace.positions import Loc

_KEY = "segment"
# Stands where a segment is wrong or unknown, so that nothing else seems wrong for its sake.
_ANYONE = {"account.id": {"exists": True}}


class UnknownSegment(NamedTuple):
    """A name that no segment has (or something that is no name), and where it stands."""

    loc: Loc
    name: object


def with_segments(audience: Any, segments: Mapping[str, Any], loc: Loc) -> tuple[Any, list[UnknownSegment]]:
    """The audience with its segments written in, wherever a mapping of matchers stands in it; it is not changed itself.

    A segment that is None exists but is wrong itself. Returned beside the audience are the names that nothing has.
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
    if not names:
        return [UnknownSegment(loc, "")]
    unknown = [
        UnknownSegment((*loc, index) if isinstance(named, list) else loc, name)
        for index, name in enumerate(names)
        if not isinstance(name, str) or name not in segments
    ]
    found = [segments.get(name) if isinstance(name, str) else None for name in names]
    together = written.get("all", [])
    if isinstance(together, list):
        written["all"] = [*together, *(_ANYONE if one is None else one for one in found)]
    return unknown
