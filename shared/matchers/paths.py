"""Paths such as `account.plan` and `properties.ticket.id`: a root of the context, then keys."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.matchers.refusal import Refused, nearest

Context = Mapping[str, Any]
Reach = Callable[[Context], Any]

ROOTS = ("account", "user", "properties", "event", "evidence", "run", "play", "owner")

_KEY = r"[^.\s\x00-\x1f](?:[^.\x00-\x1f]*[^.\s\x00-\x1f])?"
_PATH = re.compile(rf"([a-z]+)((?:\.{_KEY})+)")
_MAX_LENGTH = 300


def check_path(text: object, roots: tuple[str, ...] = ROOTS) -> str:
    """The path, unchanged.

    Raises:
        Refused: not a path, or its root is not one of `roots`.
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        raise Refused("a field is written as a path of text", found=text, code="path", key=True)
    found = _PATH.fullmatch(text)
    if found is None:
        raise Refused(f"{text!r} is not a field: write {_example(text, roots)}", found=text, code="path", key=True)
    if found[1] not in roots:
        rest = found[2]
        near = nearest(found[1], roots)
        options = [near + rest] if near else [f"{root}.…" for root in roots]
        raise Refused(f"there is no {found[1]!r} here", found=text, allowed=options, code="path", key=True)
    return text


def reach(path: str) -> Reach:
    """A function that finds what is at `path`; None where any part of the way is missing."""
    root, *keys = path.split(".")
    if len(keys) == 1:
        return _reach_one(root, keys[0])

    def reach_deep(context: Context) -> Any:
        try:
            found = context[root]
            for key in keys:
                found = found[key]
        except (KeyError, TypeError):
            return None
        return found

    return reach_deep


def _reach_one(root: str, key: str) -> Reach:
    def reach_one(context: Context) -> Any:
        try:
            return context[root][key]
        except (KeyError, TypeError):
            return None

    return reach_one


def _example(text: str, roots: tuple[str, ...]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "plan"
    return " or ".join(f"{root}.{plain}" for root in roots[:3])
