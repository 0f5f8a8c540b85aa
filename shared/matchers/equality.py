"""`equals`, `one_of`, `none_of`, `exists`: values of one kind compared exactly."""

from typing import Any
from zoneinfo import ZoneInfo

from shared.instants import Instant
from shared.matchers.contract import Argument, Test
from shared.matchers.paths import Context
from shared.matchers.refusal import Refused, show


def is_scalar(value: object) -> bool:
    """Whether it is a text, a number, or true or false."""
    return isinstance(value, str | int | float)


def kind_of(value: object) -> str | None:
    """The kind within which values are compared: text, number, truth; None for anything else."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def read_scalar(value: object, _roots: tuple[str, ...]) -> Argument:
    """A text, a number, true or false.

    Raises:
        Refused: it is none of these.
    """
    if not is_scalar(value):
        hint = "; to ask whether the field is there write exists: true or exists: false" if value is None else ""
        raise Refused(f"a text, a number, true or false is needed, not {show(value)}{hint}", found=value)
    return value


def read_scalars(value: object, roots: tuple[str, ...]) -> Argument:
    """A list of them.

    Raises:
        Refused: not a list, an empty one, or one with something else in it.
    """
    if not isinstance(value, list) or not value:
        raise Refused(f"a list of values is needed, not {'an empty list' if value == [] else show(value)}", found=value)
    for index, one in enumerate(value):
        try:
            read_scalar(one, roots)
        except Refused as refused:
            refused.place = (index,)
            raise
    return value


def equals(value: Any, _zone: ZoneInfo) -> Test:
    """Whether it is this value."""
    return _among([value])


def one_of(values: list[Any], _zone: ZoneInfo) -> Test:
    """Whether it is one of these."""
    return _among(values)


def none_of(values: list[Any], _zone: ZoneInfo) -> Test:
    """Whether it is none of these."""
    among = _among(values)

    def verdict(found: Any, context: Context, t: Instant) -> bool | None:
        among_them = among(found, context, t)
        return None if among_them is None else not among_them

    return verdict


def _among(values: list[Any]) -> Test:
    if all(type(value) is str for value in values):
        return _among_texts(frozenset(values))
    by_kind: dict[str | None, set[Any]] = {}
    for value in values:
        by_kind.setdefault(kind_of(value), set()).add(value)

    def verdict(found: Any, _context: Context, _t: Instant) -> bool | None:
        options = by_kind.get(kind_of(found))
        return None if options is None else found in options

    return verdict


def _among_texts(texts: frozenset[str]) -> Test:
    return lambda found, _context, _t: found in texts if type(found) is str else None


def read_truth(value: object, _roots: tuple[str, ...]) -> bool:
    """True or false.

    Raises:
        Refused: neither.
    """
    if not isinstance(value, bool):
        raise Refused(f"true or false is needed, not {show(value)}", found=value, allowed=("true", "false"))
    return value


def exists(wanted: bool, _zone: ZoneInfo) -> Test:
    """Whether it is there, or not; never unknown."""
    return lambda found, _context, _t: (found is not None) is wanted
